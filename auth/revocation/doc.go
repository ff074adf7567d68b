// Package revocation establishes whether the certificates of a verified chain
// are revoked, by CRL and by OCSP.
//
//	k, err := revocation.New(revocation.Config{CacheDir: "/var/lib/app/crl"})
//	defer k.Close()
//	result, err := k.Check(ctx, chain, staple)
//
// The error is an [*Error], which wraps [ErrRevoked] or [ErrUnknown] and the
// causes; result says who vouched for each certificate and until when.
// [Checker.Recheck] asks again about a live connection, without waiting.
//
// # How strict
//
// New and [Hard] refuse a certificate whose status cannot be established: one
// that names neither a CRL nor a responder needs a list file that covers it.
// Config.Soft and [Soft] let it pass with a notice. [Off] checks nothing and
// must be given a reason. A revoked certificate is refused by all but Off.
//
// # In which order
//
// Everything at hand is looked at first: list files, lists and answers that
// were fetched before, the staple. If any says revoked, that is the verdict;
// if one says good, nothing is fetched. Else the list that the certificate
// names is fetched, then its responder asked, or the other way round with
// Config.OCSPFirst. Fetched things are kept until their next update, replaced
// by newer ones in the background before it, fetched once for all who wait,
// and a failure is remembered for ten seconds.
//
// # What counts as a list
//
// A complete CRL of version 2, in DER or PEM, with a nextUpdate, signed by the
// key and in the name of the certificate's issuer (who may sign lists), with
// SHA-2 and at least RSA 2048 or a 256-bit curve, and within its dates; an
// issuer's clock may be five minutes ahead. A list with an Issuing
// Distribution Point counts for the certificates that name that point, of the
// kind and for the reasons it says; lists for some reasons each add up. Delta
// lists, entries about other issuers, and unknown critical extensions of list
// or entry make a list that is refused. The extension freshestCRL is ignored. Every
// entry counts as a revocation: certificateHold as long as the list is within
// its dates, any other reason also from a list that is out of date, and so
// does removeFromCRL, which a complete list must not hold.
//
// # What counts as an OCSP answer
//
// One about the certificate's serial number, issuer name and issuer key,
// signed by the issuer itself or by a responder with a certificate from that
// issuer for OCSPSigning, within its dates and strong like any other. A
// responder's certificate with id-pkix-ocsp-nocheck is trusted for its life,
// unless a list at hand revokes it; without it, a list must say that it is not
// revoked. The nonce that is sent must come back or be missing. An answer
// without nextUpdate counts for an hour. "Unknown" is not good. A staple that
// does not count is passed over.
//
// # What it does not do
//
// It builds and verifies no chains, follows no redirects, asks no LDAP server
// and no host that is not on the allow-list, and merges no delta lists.
package revocation
