package zenagent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// timeout is how long an answer may take; a cleanup of very many remediations needs it.
const timeout = 300 * time.Second

// Credentials are what `zen-agent dev` leaves in DIR/client. What is secret is never printed.
type Credentials struct {
	Tenant string
	token  string
	kid    string
	secret []byte
	tls    *tls.Config
}

// Format prints the tenant alone, whatever the verb.
func (c Credentials) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "Credentials{%s}", c.Tenant)
}

// ReadCredentials reads the files of a folder.
func ReadCredentials(folder string) (*Credentials, error) {
	texts := map[string]string{}
	for _, name := range []string{"tenant", "token", "hmac.kid", "hmac.key", "ca.crt"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		texts[name] = strings.TrimSpace(string(text))
	}
	secret, err := ReadSecret(texts["hmac.key"])
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(texts["ca.crt"])) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &Credentials{texts["tenant"], texts["token"], texts["hmac.kid"], secret, config}, nil
}

// Connect makes a client of the agent at origin, such as https://127.0.0.1:8443.
func Connect(credentials *Credentials, origin string) (*ClientWithResponses, error) {
	address, err := url.Parse(origin)
	if err != nil || address.Scheme != "https" || strings.Trim(address.Path, "/") != "" || address.RawQuery != "" {
		return nil, errors.New("the agent's address is https://HOST:PORT, without a path")
	}
	inner := &http.Client{
		Transport: &http.Transport{TLSClientConfig: credentials.tls.Clone()},
		Timeout:   timeout,
		// A redirected request would be signed for another path.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return NewClientWithResponses(origin, WithHTTPClient(Signing{credentials, inner}))
}
