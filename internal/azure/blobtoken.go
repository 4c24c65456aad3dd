package azure

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// tokenSpare is how long before its end a token is replaced.
const tokenSpare = 5 * time.Minute

// tokenKeeper is a credential that keeps its token until shortly before its end,
// because not all credentials of the SDK do. It is for one scope.
type tokenKeeper struct {
	credential azcore.TokenCredential
	turn       gate // guards what follows
	kept       azcore.AccessToken
}

// GetToken implements azcore.TokenCredential.
func (k *tokenKeeper) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := k.turn.enter(ctx); err != nil {
		return azcore.AccessToken{}, err
	}
	defer k.turn.leave()
	// Claims are what the kept token lacks.
	if o.Claims == "" && time.Until(k.kept.ExpiresOn) > tokenSpare {
		return k.kept, nil
	}
	token, err := k.credential.GetToken(ctx, o)
	switch {
	case err == nil:
		k.kept = token
		return token, nil
	case o.Claims == "" && time.Until(k.kept.ExpiresOn) > 0:
		return k.kept, nil // the next call tries again
	default:
		return azcore.AccessToken{}, err
	}
}
