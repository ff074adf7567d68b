package ldap_test

import (
	"fmt"
	"net/url"

	"github.com/nrlgo/nrlgo/ssp/sds/ldap"
)

// Every fault is reported at once, and nothing is sent.
func ExampleNew() {
	_, err := ldap.New(ldap.Config{URL: &url.URL{Scheme: "ldap", Host: "ldap.example"}})
	fmt.Println(err)
	// Output:
	// ldap: Config.URL is not of the form ldaps://host:port
	// ldap: Config.Dialer is missing
}
