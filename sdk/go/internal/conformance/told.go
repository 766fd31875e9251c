package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/weir/weir-go"
	"google.golang.org/grpc/codes"
)

// object is a JSON object that is being written.
type object = map[string]any

func eventOf(event weir.Event) (object, error) {
	items, err := outcomesOf(event.Items)
	if err != nil {
		return nil, err
	}
	told := object{"topic": event.Topic, "key": event.Key, "cursor": event.Cursor, "items": items}
	if len(event.Data) > 0 {
		told["data"] = json.RawMessage(event.Data)
	}
	return told, nil
}

func outcomesOf(outcomes []weir.Outcome) ([]object, error) {
	told := []object{}
	for _, each := range outcomes {
		outcome, err := outcomeOf(each)
		if err != nil {
			return nil, err
		}
		told = append(told, outcome)
	}
	return told, nil
}

func outcomeOf(outcome weir.Outcome) (object, error) {
	ref := weir.Ref{Type: outcome.Ref.Type, Key: outcome.Ref.Key}.String()
	if outcome.Refusal != nil {
		told := refusalOf(*outcome.Refusal)
		told["ref"], told["ok"] = ref, false
		return told, nil
	}
	item := outcome.Item
	value, err := item.Value()
	if err != nil {
		return nil, err
	}
	if data, is := value.([]byte); is {
		sum := sha256.Sum256(data)
		value = object{"bytes": len(data), "sha256": hex.EncodeToString(sum[:])}
	}
	told := object{
		"ref": ref, "ok": true, "value": value, "contentType": item.ContentType,
		"provider": item.Provenance.Provider, "sensitivity": item.Sensitivity,
		"source": item.Provenance.Source, "labels": item.Labels, "owner": item.Owner,
		"asOf":  item.AsOf.UTC().Format(time.RFC3339Nano),
		"cache": strings.ToUpper(strings.ReplaceAll(string(outcome.Cache), "-", "_")),
	}
	if item.Quality != nil {
		told["quality"] = *item.Quality
	}
	return told, nil
}

func refusalOf(refusal weir.Refusal) object {
	told := object{"code": codeName(refusal.Code), "text": refusal.Text}
	if refusal.Reason != "" {
		told["reason"] = refusal.Reason
	}
	if refusal.CanRetry {
		told["retryDelayMs"] = refusal.RetryDelay.Milliseconds()
	}
	return told
}

func errorOf(err error) object {
	var refused *weir.ItemRefused
	if errors.As(err, &refused) {
		return refusalOf(refused.Refusal)
	}
	var failure *weir.CallError
	if errors.As(err, &failure) {
		return refusalOf(weir.Refusal{
			Code: failure.Code, Reason: failure.Reason, Text: failure.Text,
			CanRetry: failure.CanRetry, RetryDelay: failure.RetryDelay,
		})
	}
	return object{"code": codeName(codes.InvalidArgument), "text": err.Error()}
}
