package azure

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// signIn is a credential of the SDK whose failures can be shown: the SDK repeats
// what the identity endpoint answered, and an endpoint that azure.authority names
// by mistake may answer with what it was sent. One token is asked for at a time, and
// the wait for that ends with the context: the SDK's credentials let one caller in at
// a time too, whatever the token is for, by a lock that no deadline ends.
type signIn struct {
	credential azcore.TokenCredential
	// secret is a function because fmt prints the fields of what others hold.
	secret func() string
	turn   gate
}

func newSignIn(credential azcore.TokenCredential, secret func() string) signIn {
	return signIn{credential: credential, secret: secret, turn: newGate()}
}

// GetToken implements azcore.TokenCredential.
func (s signIn) GetToken(ctx context.Context, o policy.TokenRequestOptions) (token azcore.AccessToken, err error) {
	defer func() {
		// The SDK's library for managed identities (1.10.1) panics when the answer is
		// the JSON word null. A failover must not end with that.
		if r := recover(); r != nil {
			token, err = azcore.AccessToken{}, fmt.Errorf("sign in: the identity endpoint's answer cannot be read: %v", r)
		}
	}()
	if err := s.turn.enter(ctx); err != nil {
		return azcore.AccessToken{}, fmt.Errorf("sign in: wait for another token: %w", err)
	}
	defer s.turn.leave()
	token, err = s.credential.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if text := s.clean(err.Error()); text != err.Error() {
		return token, errors.New(text)
	}
	return token, err
}

// clean returns the text without tokens and without what was sent to get one.
func (s signIn) clean(text string) string {
	for _, secret := range []string{
		s.secret(), os.Getenv("AZURE_CLIENT_SECRET"), os.Getenv("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
		os.Getenv("IDENTITY_HEADER"), os.Getenv("MSI_SECRET"),
	} {
		if secret != "" {
			text = strings.NewReplacer(secret, "<secret>", url.QueryEscape(secret), "<secret>").Replace(text)
		}
	}
	return clean(text)
}
