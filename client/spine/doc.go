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
// environment. Connections are pooled for a bounded time; one on which
// something follows an answer is given up, and an answer whose lengths
// contradict each other is refused. What cannot be told: bytes that arrive
// behind an answer in the instant in which the next request is written, and,
// on a plain http page without a length, a body that was cut.
//
// No error, log line or text of this package holds a URL, a body, a token or a
// patient's number; requests, answers and audit entries print as a mask.
package spine
