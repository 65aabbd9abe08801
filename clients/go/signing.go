// Package zenagent is a client of contract v0: what oapi-codegen makes of it, mutual TLS, and signing.
//
// Each request is signed just before it leaves, over the bytes that leave, and repeated where the answer says when.
//
//	"v1" LF timestamp LF METHOD LF path?query LF version LF tenant LF request id LF hex(SHA-256(body))
//	X-Signature: t=<unix seconds>,kid=<key id>,v1=<hex HMAC-SHA256 of that>
package zenagent

//go:generate python3 ../contract.py
//go:generate oapi-codegen -config oapi-codegen.yaml ../openapi.json

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	contractVersion = "v0"
	minSecretBytes  = 32
	tries           = 4
	longestWait     = 60 * time.Second
)

// Signed is what a signature is made of.
type Signed struct {
	Timestamp int64
	Method    string
	// Target is path and query, exactly as they stand on the request line.
	Target    string
	Version   string
	Tenant    string
	RequestID string
	Body      []byte
}

// BaseString is the text that is signed.
func (s Signed) BaseString() string {
	digest := sha256.Sum256(s.Body)
	return strings.Join([]string{
		"v1", strconv.FormatInt(s.Timestamp, 10), s.Method, s.Target, s.Version, s.Tenant, s.RequestID, hex.EncodeToString(digest[:]),
	}, "\n")
}

// Signature is the value of X-Signature.
func (s Signed) Signature(secret []byte, kid string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(s.BaseString()))
	return fmt.Sprintf("t=%d,kid=%s,v1=%x", s.Timestamp, kid, mac.Sum(nil))
}

// ReadSecret reads a secret as its file holds it: whsec_ and base64.
func ReadSecret(text string) ([]byte, error) {
	encoded, prefixed := strings.CutPrefix(strings.TrimSpace(text), "whsec_")
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !prefixed || err != nil || len(secret) < minSecretBytes {
		return nil, fmt.Errorf("an HMAC secret is whsec_ and the base64 of %d bytes or more", minSecretBytes)
	}
	return secret, nil
}

// Signing sends what it signed. A repeat has the same X-Request-Id, by which it has effect once, and a signature of its own.
type Signing struct {
	Credentials *Credentials
	Inner       HttpRequestDoer
}

// Do implements HttpRequestDoer.
func (s Signing) Do(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		read, err := io.ReadAll(request.Body)
		if err := errors.Join(err, request.Body.Close()); err != nil {
			return nil, err
		}
		body = read
	}
	id := request.Header.Get("X-Request-Id")
	if id == "" {
		id = newRequestID()
	}
	for try := 1; ; try++ {
		attempt := request.Clone(request.Context())
		if body != nil {
			attempt.Body = io.NopCloser(bytes.NewReader(body))
		}
		s.Credentials.sign(attempt, id, body)
		answer, err := s.Inner.Do(attempt)
		if err != nil {
			return nil, err
		}
		wait, again := retryAfter(answer)
		if !again || try == tries {
			return answer, nil
		}
		answer.Body.Close()
		if err := sleep(request.Context(), wait); err != nil {
			return nil, err
		}
	}
}

func (c *Credentials) sign(request *http.Request, id string, body []byte) {
	signed := Signed{time.Now().Unix(), request.Method, request.URL.RequestURI(), contractVersion, c.Tenant, id, body}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("X-Zen-Contract-Version", contractVersion)
	request.Header.Set("X-Tenant-Id", c.Tenant)
	request.Header.Set("X-Request-Id", id)
	request.Header.Set("X-Signature", signed.Signature(c.secret, c.kid))
}

// newRequestID is a UUID of version 4.
func newRequestID() string {
	var id [16]byte
	rand.Read(id[:]) // Never fails: crypto/rand ends the program first.
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// retryAfter says when the request may be sent again; not where it is answered for good, or only much later.
func retryAfter(answer *http.Response) (time.Duration, bool) {
	if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16)
	wait := time.Duration(seconds) * time.Second
	return wait, err == nil && wait <= longestWait
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
