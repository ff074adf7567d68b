package mockstest

import (
	"cmp"
	"fmt"
	"os"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
	"github.com/nrlgo/nrlgo/client"
)

// EngineVariable names the TLS engine of [Config] and [Dialer]: "go", which is
// the default, or "openssl". A test suite runs under both by setting it.
const EngineVariable = "NRL_TEST_ENGINE"

// EngineName is what [EngineVariable] comes to, "go" or "openssl".
func EngineName() string { return cmp.Or(os.Getenv(EngineVariable), "go") }

func engine() (client.Engine, error) {
	switch EngineName() {
	case "go":
		return client.EngineGo, nil
	case "openssl":
		return client.EngineOpenSSL, nil
	}
	return 0, fmt.Errorf("%s: want go or openssl", EngineVariable)
}

// Dialer makes the engine that [EngineVariable] names, for tests below package
// client.
func Dialer(p auth.TLSPolicy) (auth.Dialer, error) {
	e, err := engine()
	if err != nil {
		return nil, err
	}
	if e == client.EngineGo {
		return auth.NewGoEngine(p)
	}
	return openssl.NewEngine(p)
}
