// The main job against a running `zen-agent dev --state-dir DIR`: an event becomes a remediation, which succeeds.
//
// usage: go run ./mainjob DIR https://127.0.0.1:8443
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	zenagent "github.com/kube-zen/zen-agent/clients/go"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mainjob DIR https://HOST:PORT")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := mainJob(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mainjob:", err)
		os.Exit(1)
	}
}

func mainJob(ctx context.Context, folder, origin string) error {
	credentials, err := zenagent.ReadCredentials(filepath.Join(folder, "client"))
	if err != nil {
		return err
	}
	agent, err := zenagent.Connect(credentials, origin)
	if err != nil {
		return err
	}

	// The id of the request is that of the event: sent again, after a crash too, it has effect once.
	requestID := uuid.NewString()
	first, err := report(ctx, agent, requestID)
	if err != nil {
		return err
	}
	again, err := report(ctx, agent, requestID)
	if err != nil {
		return err
	}
	if first.Outcome != zenagent.OutcomeCreated || again.Outcome != zenagent.OutcomeReplayed || *first.Remediation != *again.Remediation {
		return fmt.Errorf("%s, then %s", first.Outcome, again.Outcome)
	}

	id := *first.Remediation
	remediation, err := end(ctx, agent, id)
	if err != nil {
		return err
	}
	if remediation.Status != zenagent.StatusSucceeded || *remediation.RequestId != requestID {
		return fmt.Errorf("%s %s: %s", id, remediation.Status, *remediation.Message)
	}

	succeeded, err := list(ctx, agent)
	if err != nil {
		return err
	}
	if !slices.Contains(succeeded, id) {
		return fmt.Errorf("%s is not listed", id)
	}

	unknown, err := agent.GetRemediationWithResponse(ctx, "zar-none", nil)
	if err != nil {
		return err
	}
	problem := unknown.ApplicationproblemJSON404
	if problem == nil || problem.Code != zenagent.ProblemCodeNotFound {
		return fmt.Errorf("an unknown remediation is %s", unknown.Status())
	}

	fmt.Printf("%s %s: %s\n", id, remediation.Status, *remediation.Message)
	return nil
}

// report sends one event, and says what became of it.
func report(ctx context.Context, agent *zenagent.ClientWithResponses, requestID string) (*zenagent.ReceiptResult, error) {
	var command, pid zenagent.Fact
	if err := errors.Join(command.FromFact0("bash"), pid.FromFact1(4711)); err != nil {
		return nil, err
	}
	namespace := "shop"
	event := zenagent.SecurityEvent{
		Source:   "falco",
		Rule:     "Terminal shell in container",
		Severity: zenagent.SeverityHigh,
		Time:     time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		Target:   &zenagent.Target{ApiVersion: "v1", Kind: "Pod", Namespace: &namespace, Name: "web-6d4cf56db6-x2x7p"},
		Facts:    &map[string]zenagent.Fact{"proc.cmdline": command, "proc.pid": pid},
	}
	batch := zenagent.EventBatch{ClusterId: "dev-cluster", Events: []zenagent.SecurityEvent{event}}
	answer, err := agent.IngestEventsWithResponse(ctx, &zenagent.IngestEventsParams{XRequestId: &requestID}, batch)
	if err != nil {
		return nil, err
	}
	if answer.JSON202 == nil || len(answer.JSON202.Results) != 1 {
		return nil, refused(answer.HTTPResponse, answer.Body)
	}
	return &answer.JSON202.Results[0], nil
}

// end waits until the remediation has ended.
func end(ctx context.Context, agent *zenagent.ClientWithResponses, id string) (*zenagent.Remediation, error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		answer, err := agent.GetRemediationWithResponse(ctx, id, nil)
		if err != nil {
			return nil, err
		}
		if answer.JSON200 == nil {
			return nil, refused(answer.HTTPResponse, answer.Body)
		}
		if status := answer.JSON200.Status; status != zenagent.StatusPending && status != zenagent.StatusInProgress {
			return answer.JSON200, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not end: %w", id, ctx.Err())
		case <-ticker.C:
		}
	}
}

// list reads the ids of what succeeded in the namespace shop, page by page.
func list(ctx context.Context, agent *zenagent.ClientWithResponses) ([]string, error) {
	status, namespace, limit := zenagent.StatusSucceeded, "shop", 1
	params := &zenagent.ListRemediationsParams{Status: &status, Namespace: &namespace, Limit: &limit}
	var ids []string
	for {
		page, err := agent.ListRemediationsWithResponse(ctx, params)
		if err != nil {
			return nil, err
		}
		if page.JSON200 == nil {
			return nil, refused(page.HTTPResponse, page.Body)
		}
		for _, item := range page.JSON200.Items {
			ids = append(ids, item.Id)
		}
		if params.Continue = page.JSON200.Continue; params.Continue == nil {
			return ids, nil
		}
	}
}

// refused is what the problem document of an answer says.
func refused(answer *http.Response, body []byte) error {
	return fmt.Errorf("%s: %s", answer.Status, body)
}
