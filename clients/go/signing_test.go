package zenagent

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var secretText = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x07", 32)))

func credentials(t *testing.T) *Credentials {
	t.Helper()
	secret, err := ReadSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	return &Credentials{Tenant: "acme", token: "a.b.c", kid: "key-1", secret: secret}
}

// agent answers one request after the other as told, and keeps the ids of what was sent.
type agent struct {
	t       *testing.T
	answers []*http.Response
	ids     []string
}

func (a *agent) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	id, signature := request.Header.Get("X-Request-Id"), request.Header.Get("X-Signature")
	timestamp, err := strconv.ParseInt(regexp.MustCompile("^t=([0-9]+),").FindStringSubmatch(signature)[1], 10, 64)
	if err != nil {
		a.t.Fatal(err)
	}
	own := credentials(a.t)
	wanted := Signed{timestamp, "POST", "/v0/events?a=b%20c", "v0", "acme", id, []byte("{}")}.Signature(own.secret, own.kid)
	if signature != wanted || string(body) != "{}" || request.Header.Get("Authorization") != "Bearer a.b.c" {
		a.t.Fatalf("signed wrongly: %s, not %s", signature, wanted)
	}
	if len(a.answers) == 0 {
		a.t.Fatal("one request too many")
	}
	answer := a.answers[0]
	a.answers, a.ids = a.answers[1:], append(a.ids, id)
	return answer, nil
}

func (a *agent) ask(id string) int {
	request, err := http.NewRequestWithContext(a.t.Context(), "POST", "https://agent/v0/events?a=b%20c", strings.NewReader("{}"))
	if err != nil {
		a.t.Fatal(err)
	}
	if id != "" {
		request.Header.Set("X-Request-Id", id)
	}
	answer, err := Signing{credentials(a.t), a}.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.StatusCode
}

func answer(status int, wait string) *http.Response {
	header := http.Header{}
	header.Set("Retry-After", wait)
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody}
}

func TestSignaturesAreThoseOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../contracts/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Valid []struct {
			Name, Secret, Kid, Method, Path, Version, Tenant, Header string
			Timestamp                                                int64
			RequestID                                                string `json:"request_id"`
			Body                                                     []byte `json:"body_base64"`
			BaseString                                               string `json:"base_string"`
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Valid) < 9 {
		t.Fatalf("there are %d vectors", len(vectors.Valid))
	}
	for _, vector := range vectors.Valid {
		it := Signed{vector.Timestamp, vector.Method, vector.Path, vector.Version, vector.Tenant, vector.RequestID, vector.Body}
		if got := it.BaseString(); got != vector.BaseString {
			t.Errorf("%s: %q is signed, not %q", vector.Name, got, vector.BaseString)
		}
		secret, err := ReadSecret(vector.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if got := it.Signature(secret, vector.Kid); got != vector.Header {
			t.Errorf("%s: %s, not %s", vector.Name, got, vector.Header)
		}
	}
}

func TestASecretHasItsPrefixAnd32Bytes(t *testing.T) {
	if secret, err := ReadSecret(secretText + "\n"); err != nil || len(secret) != 32 {
		t.Fatal(len(secret), err)
	}
	short := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, text := range []string{strings.TrimPrefix(secretText, "whsec_"), "whsec_***", short} {
		if _, err := ReadSecret(text); err == nil || !strings.Contains(err.Error(), "whsec_") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestARequestThatIsToBeSentAgainIsWithTheSameID(t *testing.T) {
	a := &agent{t: t, answers: []*http.Response{answer(503, "0"), answer(429, "0"), answer(202, "")}}
	if status := a.ask(""); status != 202 {
		t.Fatal(status)
	}
	if len(a.ids) != 3 || a.ids[0] != a.ids[1] || a.ids[1] != a.ids[2] {
		t.Fatal(a.ids)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(a.ids[0]) {
		t.Fatal(a.ids[0])
	}
}

func TestACallersIDIsKept(t *testing.T) {
	a := &agent{t: t, answers: []*http.Response{answer(202, "")}}
	if a.ask("mine"); a.ids[0] != "mine" {
		t.Fatal(a.ids)
	}
}

func TestPatienceEndsAfterFourTriesALongWaitOrAnAnswerForGood(t *testing.T) {
	busy := answer(503, "0")
	four := &agent{t: t, answers: []*http.Response{busy, busy, busy, busy}}
	if status := four.ask(""); status != 503 || len(four.ids) != 4 {
		t.Fatal(status, four.ids)
	}
	for _, last := range []*http.Response{answer(503, "3600"), answer(503, "soon"), answer(409, "0"), answer(500, "")} {
		one := &agent{t: t, answers: []*http.Response{last}}
		if status := one.ask(""); status != last.StatusCode || len(one.ids) != 1 {
			t.Fatal(status, one.ids)
		}
	}
}

func TestNothingSecretIsPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, it := range []any{credentials(t), *credentials(t)} {
			if text := fmt.Sprintf(verb, it); text != "Credentials{acme}" {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
}
