package openapi

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Secrets finds the secret that a reference such as secret://crm-token means; empty: it is not known.
type Secrets func(reference string) string

const (
	scheme     = "secret://"
	othersMask = 0o077
)

// OpenSecrets opens the secrets of this process: secret://crm-token is the variable CRM_TOKEN, or the line
// crm-token=... of the file that WEIR_SECRETS_FILE names, which nobody else may be able to read. It fails when
// that file cannot be read, or others can read it.
func OpenSecrets(getenv func(string) string) (Secrets, error) {
	held := map[string]string{}
	if path := getenv("WEIR_SECRETS_FILE"); path != "" {
		read, err := readSecrets(path)
		if err != nil {
			return nil, err
		}
		held = read
	}
	return func(reference string) string {
		if !strings.HasPrefix(reference, scheme) {
			return ""
		}
		if secret := getenv(variableOf(reference)); secret != "" {
			return secret
		}
		return held[strings.TrimPrefix(reference, scheme)]
	}, nil
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9]+`)

// variableOf is the variable that may hold the secret of a reference.
func variableOf(reference string) string {
	return notInVariables.ReplaceAllString(strings.ToUpper(strings.TrimPrefix(reference, scheme)), "_")
}

func readSecrets(path string) (map[string]string, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, errors.New("WEIR_SECRETS_FILE names " + path + ", which cannot be read")
	}
	if about.Mode().Perm()&othersMask != 0 {
		return nil, fmt.Errorf("WEIR_SECRETS_FILE names %s, which others can read: chmod 600 %s", path, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("WEIR_SECRETS_FILE names " + path + ", which cannot be read")
	}
	held := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		name, value, isPair := strings.Cut(line, "=")
		if isPair && name != "" && !strings.HasPrefix(line, "#") {
			held[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return held, nil
}
