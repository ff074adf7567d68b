package main

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/nrlgo/nrlgo/mocks"
)

// user is the role profile id that the lines suggest: the mock takes any.
const user = "4387293874928"

// environment are the shell lines that tell a client of the mock.
func environment(sp *mocks.Spine, dir, manage, policy string) string {
	file := func(name string) string { return filepath.Join(dir, name) }
	revocation := [][2]string{{"NRL_REVOCATION", policy}}
	if u, err := url.Parse(sp.CRLURL()); policy != "off" && err == nil {
		revocation = append(revocation, [2]string{"NRL_CRL_HOST", u.Host})
	}
	lines := append([][2]string{
		{"NRL_NRL_URL", sp.NRLURL()},
		{"NRL_SSP_URL", sp.SSPURL()},
		{"NRL_CERT", file("client.pem")},
		{"NRL_KEY", file("client.key")},
		{"NRL_CA", file("ca.pem")},
		{"NRL_ASID", mocks.ConsumerASID},
		{"NRL_ODS", mocks.ConsumerODS},
		{"NRL_SPINE_ASID", mocks.SpineASID},
		{"NRL_TO_ASID", mocks.ProviderASID},
		{"NRL_USER", user},
		{"NRL_AUDIT", file("audit.jsonl")},
		{"NRL_ALLOW_PRIVATE", "true"},
	}, revocation...)
	lines = append(
		lines,
		[2]string{"MOCKSPINE_MANAGE", manage},
		[2]string{"MOCKSPINE_PUBLIC_URL", sp.PublicURL()},
		[2]string{"MOCKSPINE_PUBLIC_CA", file("public-ca.pem")},
		[2]string{"MOCKSPINE_PLAIN_URL", sp.PlainURL()},
		[2]string{"MOCKSPINE_CRL_URL", sp.CRLURL()},
		[2]string{"MOCKSPINE_ROOT_CRL_URL", sp.RootCRLURL()},
		[2]string{"MOCKSPINE_OCSP_URL", sp.OCSPURL()},
	)
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("export " + line[0] + "=" + quoted(line[1]) + "\n")
	}
	return b.String()
}

// quoted is a word of the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
