// Package spine makes one exchange with Spine, whole: headers, a fresh JWT
// and trace id for each attempt, retries, limits, typed errors and the audit
// trail. Packages nrl and ssp stand on it; most programs use package client
// and meet spine in its errors ([Error], [CodeOf]) and its [AuditSink].
//
// [Client.Fetch] reads a bounded body whole, and a fault in the body starts
// the exchange again; [Client.Stream] hands out a body on its way, and after
// its first byte nothing is tried again. Both end with End, which writes the
// last audit line.
//
// No redirect is followed, no cookie kept, no proxy taken from the
// environment. No error, log line or text of this package holds a URL, a
// body, a token or a patient's number.
package spine
