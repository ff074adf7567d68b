package auth_test

import (
	"fmt"
	"os"

	"github.com/nrlgo/nrlgo/auth"
)

// The certificate is a file that is replaced when it is renewed; what becomes
// of it is heard by a hook.
func ExampleCredentialsSource() {
	_, dir, stop, err := spine()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	creds, err := auth.CredentialsSource{Files: []string{"client.pem", "client.key"}, FS: os.DirFS(dir)}.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer creds.OnNotice(func(n auth.Notice) { fmt.Println(n.Kind, n.FQDN) })()

	_, err = creds.Certificate(creds.Expires().AddDate(0, 0, -10)) // a handshake of that day
	fmt.Println(err)
	// Output:
	// expires soon consumer.example.nhs.uk
	// <nil>
}
