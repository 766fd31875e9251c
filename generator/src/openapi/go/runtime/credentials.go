package openapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// CredentialKind is a way to tell an API who calls.
type CredentialKind string

// The kinds.
const (
	// APIKey: the secret is the key.
	APIKey CredentialKind = "apiKey"
	// Basic: the secret is user:password.
	Basic CredentialKind = "basic"
	// Bearer: the secret is the token.
	Bearer CredentialKind = "bearer"
	// ClientCredentials: the secret is client:secret, for which a token is got.
	ClientCredentials CredentialKind = "clientCredentials"
)

// Credential is a way to tell an API who calls. The secret itself is never here, only its reference.
type Credential struct {
	// Kind is the way.
	Kind CredentialKind
	// Secret is a reference such as secret://crm-token.
	Secret string
	// In is where a key goes: InHeader, InQuery or InCookie; Name is its name there.
	In   Place
	Name string
	// TokenURL is where tokens are; or, with IsDiscovery, where an OpenID provider says where.
	TokenURL    string
	IsDiscovery bool
	// Scopes are those that tokens are asked for.
	Scopes []string
}

const (
	// tokenMargin: a token is not used any more so long before it ends.
	tokenMargin  = 30 * time.Second
	tokenDefault = 5 * time.Minute
	tokenMax     = 24 * time.Hour
)

// applied is what is added to a request.
type applied struct {
	header map[string]string
	// query has pairs as they stand in a URL.
	query   []string
	cookies []string
	// references were used, for errors.
	references []string
	// tokens were used, by their scheme, to forget them when they are refused.
	tokens map[string]*token
}

// credentials adds credentials to requests.
type credentials struct {
	specs   map[string]Credential
	secrets Secrets
	sender  *sender
	// timeout is the time to get a token in.
	timeout time.Duration

	mu     sync.Mutex
	tokens map[string]*token
}

// token is a token, or the request for it, which all wait for who need it.
type token struct {
	// isDone is closed when it is known what the request came to: only then the rest may be read.
	isDone chan struct{}
	text   string
	until  time.Time
	err    error
}

func (t *token) isOver() bool {
	select {
	case <-t.isDone:
		return t.err != nil || !t.until.After(time.Now())
	default:
		return false
	}
}

// forget forgets the tokens that were used, since they were refused.
func (c *credentials) forget(used *applied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, held := range used.tokens {
		// Another may have taken its place since.
		if c.tokens[name] == held {
			delete(c.tokens, name)
		}
	}
}

// apply says what to add for one of the sets: the first of which every secret is known. It fails when there
// is none, naming the secrets of the first; and when no token can be got.
func (c *credentials) apply(ctx context.Context, sets [][]string) (*applied, error) {
	added := &applied{header: map[string]string{}, tokens: map[string]*token{}}
	isOptional := len(sets) == 0
	for _, names := range sets {
		if len(names) == 0 {
			isOptional = true
		} else if c.areKnown(names) {
			for _, name := range names {
				if err := c.applyOne(ctx, added, name); err != nil {
					return nil, err
				}
			}
			return added, nil
		}
	}
	if isOptional {
		return added, nil
	}
	return nil, c.missing(sets[0])
}

func (c *credentials) areKnown(names []string) bool {
	for _, name := range names {
		if spec, isSpec := c.specs[name]; !isSpec || c.secrets(spec.Secret) == "" {
			return false
		}
	}
	return true
}

func (c *credentials) missing(names []string) error {
	var named []string
	for _, name := range names {
		if spec, isSpec := c.specs[name]; isSpec {
			named = append(named, fmt.Sprintf("%s (or the variable %s)", spec.Secret, variableOf(spec.Secret)))
		}
	}
	return provider.Errorf(codes.FailedPrecondition,
		"the provider has no credential for the API: set %s", strings.Join(named, ", "))
}

func (c *credentials) applyOne(ctx context.Context, added *applied, name string) error {
	spec := c.specs[name]
	secret := c.secrets(spec.Secret)
	added.references = append(added.references, spec.Secret)
	switch spec.Kind {
	case APIKey:
		added.place(spec, secret)
	case Basic:
		added.header["Authorization"] = basic(secret)
	case Bearer:
		added.header["Authorization"] = "Bearer " + secret
	case ClientCredentials:
		held := c.tokenOf(name, spec, secret)
		select {
		case <-held.isDone:
		case <-ctx.Done():
			return ctx.Err()
		}
		if held.err != nil {
			return held.err
		}
		added.tokens[name] = held
		added.header["Authorization"] = "Bearer " + held.text
	default:
		return fmt.Errorf("credential %s: there is no kind %q", name, spec.Kind)
	}
	return nil
}

func (a *applied) place(spec Credential, secret string) {
	pair := encodeAll(spec.Name) + "=" + encodeAll(secret)
	switch spec.In {
	case InHeader:
		a.header[spec.Name] = secret
	case InQuery:
		a.query = append(a.query, pair)
	default:
		a.cookies = append(a.cookies, pair)
	}
}

func basic(secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(secret))
}

func (c *credentials) tokenOf(name string, spec Credential, secret string) *token {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.tokens[name]
	if held == nil || held.isOver() {
		held = &token{isDone: make(chan struct{})}
		c.tokens[name] = held
		go func() {
			defer close(held.isDone)
			// Who goes away does not end what others wait for.
			ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
			defer cancel()
			held.text, held.until, held.err = c.getToken(ctx, spec, secret)
		}()
	}
	return held
}

func (c *credentials) getToken(ctx context.Context, spec Credential, secret string) (string, time.Time, error) {
	address, err := c.tokenURL(ctx, spec)
	if err != nil {
		return "", time.Time{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(spec.Scopes) > 0 {
		form.Set("scope", strings.Join(spec.Scopes, " "))
	}
	answer, err := c.sender.send(ctx, outgoing{
		method: http.MethodPost,
		url:    address,
		header: map[string]string{
			"Accept":        "application/json",
			"Authorization": basic(secret),
			"Content-Type":  "application/x-www-form-urlencoded",
		},
		body: []byte(form.Encode()),
	})
	if err != nil {
		return "", time.Time{}, err
	}
	var given struct {
		Token   string  `json:"access_token"`
		Seconds float64 `json:"expires_in"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, &given) != nil || given.Token == "" {
		return "", time.Time{}, provider.Errorf(codes.FailedPrecondition,
			"no token was given for %s (status %d)", spec.Secret, answer.status)
	}
	return given.Token, time.Now().Add(lastsOf(given.Seconds) - tokenMargin), nil
}

// lastsOf is how long a token lasts of which so many seconds are told; 0: nothing is.
func lastsOf(seconds float64) time.Duration {
	switch {
	case seconds <= 0:
		return tokenDefault
	case seconds > tokenMax.Seconds():
		return tokenMax
	default:
		return time.Duration(seconds * float64(time.Second))
	}
}

func (c *credentials) tokenURL(ctx context.Context, spec Credential) (*url.URL, error) {
	address, err := url.Parse(spec.TokenURL)
	if err != nil || !spec.IsDiscovery {
		return address, err
	}
	answer, err := c.sender.send(ctx, outgoing{
		method: http.MethodGet, url: address, header: map[string]string{"Accept": "application/json"},
	})
	if err != nil {
		return nil, err
	}
	var told struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	if json.Unmarshal(answer.body, &told) == nil && told.TokenEndpoint != "" {
		if address, err := url.Parse(told.TokenEndpoint); err == nil {
			return address, nil
		}
	}
	return nil, provider.Errorf(codes.FailedPrecondition, "the OpenID provider of the API names no place for tokens")
}
