package auth

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxProxyHead bounds the head of a proxy's answer.
const maxProxyHead = 16 << 10

// errAddress holds nothing of the address: it may be anything.
var errAddress = errors.New("the address is not host:port")

// splitAddress is net.SplitHostPort for addresses that can stand in a header
// of a proxy: a name in ASCII or an address, and a port number.
func splitAddress(addr string) (host string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return "", errAddress
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errAddress
	}
	if _, ok := hostName(host); ok {
		return host, nil
	}
	if _, err := netip.ParseAddr(host); err != nil || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errAddress
	}
	return host, nil
}

// connect opens a TCP connection to addr, through the proxy when there is
// one. ctx bounds it.
func connect(ctx context.Context, network, addr string, proxy *url.URL) (net.Conn, error) {
	if _, err := splitAddress(addr); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	var d net.Dialer
	if proxy == nil {
		return d.DialContext(ctx, network, addr)
	}
	host := proxy.Host
	if proxy.Port() == "" {
		host = net.JoinHostPort(proxy.Hostname(), "80")
	}
	conn, err := d.DialContext(ctx, network, host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = tunnel(conn, addr, proxy.User)
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// tunnel asks the proxy at the other end of conn for addr (RFC 9110, CONNECT).
func tunnel(conn net.Conn, addr string, user *url.Userinfo) error {
	head := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if user != nil {
		password, _ := user.Password()
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return fmt.Errorf("%w: %w", ErrProxy, err)
	}
	br := bufio.NewReaderSize(&limitedReader{conn, maxProxyHead}, 4096)
	//nolint:bodyclose // a successful CONNECT has no body, whatever the head says; Close would wait for one
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("%w: its answer is no HTTP or was cut", ErrProxy)
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: status %d", ErrProxy, resp.StatusCode)
	case br.Buffered() > 0:
		return fmt.Errorf("%w: it sent data before the tunnel was used", ErrProxy)
	}
	return nil
}

// limitedReader fails, rather than ends, after its limit.
type limitedReader struct {
	conn net.Conn
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, ErrProxy
	}
	n, err := l.conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
