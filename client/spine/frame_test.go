package spine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, text string
		rest       string // what is behind the answer
		err        error
	}{
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1", nil},
		{"no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "x", nil},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "x", nil},
		{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "x", nil},
		{"chunks", chunked + "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", "x", nil},
		{"chunks with a trailer", chunked + "1 \r\na\r\n0\r\nA: b\r\n\r\n", "x", nil},
		{"interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "x", nil},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\na", "x", nil},
		{"another case, blanks", "HTTP/1.1 200\r\ncontent-LENGTH: \t1 \r\n\r\na", "x", nil},
		{"the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 01\r\n\r\na", "x", nil},
		{"a continued field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 1\r\n\r\na", "x", nil},
		{"to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nabc", "", nil},
		{"another protocol", "HTTP/1.1 101 X\r\nContent-Length: 1\r\n\r\nabc", "", nil},
		{"no HTTP", "SSH-2.0\r\n", "", errFrame},
		{"another version of HTTP", "HTTP/2.0 200 OK\r\n", "", errFrame},
		{"a status that is none", "HTTP/1.1 +20 OK\r\n", "", errFrame},
		{"no chunks, which net/http refuses", chunked + "g\r\nabc", "", nil},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", "", errFrame},
		{"a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n", "", errFrame},
		{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n", "", errFrame},
		{"an empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n", "", errFrame},
		{"more than an int64", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n", "", errFrame},
		{"a length that is continued", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n", "", errFrame},
		{"a length, then chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "", errFrame},
		{"chunks, then a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "", errFrame},
		{"chunks twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "", errFrame},
		{"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", "", errFrame},
		{"chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", "", errFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := []byte(tt.text + tt.rest)
			for _, step := range []int{1, 2, 3, 7, len(text)} { // however the bytes come
				f, n, err := frame{at: atStatus}, 0, error(nil)
				for n < len(text) && err == nil {
					part := text[n:min(n+step, len(text))]
					var k int
					if k, err = f.take(part); k < len(part) {
						n += k
						break
					}
					n += k
				}
				if !errors.Is(err, tt.err) || err == nil && n != len(tt.text) {
					t.Fatalf("%d bytes at a time: %v after %d bytes of %d", step, err, n, len(tt.text))
				}
				if tt.rest != "" && f.at != atRest {
					t.Errorf("%d bytes at a time: the answer is not at its end", step)
				}
			}
		})
	}
}

// FuzzFrame holds that an answer ends for the frame where it ends for net/http.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nA: b\r\n\r\nx",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\n\r\nx", "HTTP/1.0 200 OK\r\nX: a\r\n b\r\n\r\nx",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		taken, ok := takenByNetHTTP(text)
		if !ok {
			return
		}
		fr := frame{at: atStatus}
		if n, err := fr.take(text); err == nil && n != taken {
			t.Errorf("%d bytes belong to the answer, net/http took %d", n, taken)
		}
	})
}

// takenByNetHTTP is how many bytes an answer has that net/http accepts, interim
// ones before it included.
func takenByNetHTTP(text []byte) (n int, ok bool) {
	in := bytes.NewReader(text)
	br := bufio.NewReaderSize(in, 1<<16)
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodGet})
		if err != nil || resp.StatusCode == http.StatusSwitchingProtocols {
			return 0, false
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return 0, false
		}
		if resp.StatusCode >= 200 {
			return len(text) - in.Len() - br.Buffered(), true
		}
	}
}
