//go:build cgo && linux

package openssl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// abiCheck fails to compile where a declaration of abi.h differs from
// OpenSSL's headers.
const abiCheck = `
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include "abi.h"
#define F(name, result, parameters) result (*check_##name) parameters = name;
NRL_FUNCTIONS(F)
#define N(name, value) _Static_assert((unsigned long long)NRL_##name == (unsigned long long)(name), #name);
NRL_NUMBERS(N)
`

// TestDeclarationsMatchTheHeaders: building needs no headers, this test does
// (Debian: libssl-dev). Where CI is set, it must not be left out.
func TestDeclarationsMatchTheHeaders(t *testing.T) {
	t.Parallel()
	const headers = "/usr/include/openssl/ssl.h"
	if _, err := os.Stat(headers); err != nil && os.Getenv("CI") == "" {
		t.Skip("OpenSSL's headers are not installed")
	}
	here := must[string](t)(filepath.Abs("."))
	source := filepath.Join(t.TempDir(), "check.c")
	compile := func(text string) (string, error) {
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "cc", "-std=gnu11", "-Werror", "-Wno-deprecated-declarations",
			"-fsyntax-only", "-I", here, source).CombinedOutput()
		return string(out), err
	}
	if out, err := compile(abiCheck); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// The check can fail: a wrong result, a wrong number.
	for _, wrong := range []string{"F(SSL_version, char *, (const SSL *))", "enum { NRL_SSL_OP_ALL = 3 }; N(SSL_OP_ALL, 3)"} {
		if _, err := compile(abiCheck + wrong); err == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}
