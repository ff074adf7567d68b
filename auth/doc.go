// Package auth proves identities on the way to Spine: ours with [Credentials]
// and a Spine JWT ([SpineJWT]), the server's with [Trust], and both on a
// connection that a TLS engine makes ([NewGoEngine]).
//
//	creds, err := auth.LoadCredentials("client.pem", "client.key")
//	trust, err := auth.LoadTrust("spine-ca.pem")
//	dialer, err := auth.NewGoEngine(auth.TLSPolicy{Credentials: creds, Trust: trust})
//
// Most programs hand credentials and trust to client.New and need no more.
//
// Every decision about a server's certificate is made by [Trust.Verify], also
// on resumed sessions: there is no other path. Only TLS 1.2 and the eight
// cipher suites of the governing document ([Suites]) are spoken (NRL security
// guidance).
//
// Certificates, keys and CA certificates that come from files are read again
// when these change, and connections whose server would not be accepted any
// more are closed while they are open. The other side, a provider that serves
// the Spine Secure Proxy only, is [Trust.ServerConfig].
//
// The package does not authenticate the user who asks: a [Requester] is what
// the embedding system vouches for.
package auth
