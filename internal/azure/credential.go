package azure

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Credential says how to sign in. Its secret never prints.
type Credential struct {
	// Kind is default, managed-identity, workload-identity, client-secret or cli.
	// Empty is default: the SDK's chain.
	Kind     string
	TenantID string
	// ClientID picks a user-assigned identity, or names the application.
	ClientID     string
	ClientSecret string
	// TokenFile has the federated token of a workload identity.
	TokenFile string
	// PrivateAuthority says that the authority is not one of Microsoft's.
	PrivateAuthority bool
}

// LogValue hides the secret.
func (c Credential) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", c.Kind), slog.String("tenant", c.TenantID), slog.String("client", c.ClientID))
}

// String hides the secret.
func (c Credential) String() string {
	return fmt.Sprintf("%s tenant=%s client=%s", c.Kind, c.TenantID, c.ClientID)
}

// GoString hides the secret.
func (c Credential) GoString() string { return c.String() }

// Format hides the secret from every verb.
func (c Credential) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// MarshalText hides the secret from JSON and other text forms.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Credential) token(o policy.ClientOptions) (azcore.TokenCredential, error) {
	// Tokens are asked for rarely and by the SDK itself; these few, short retries
	// are the only ones outside of send.
	o.Retry = policy.RetryOptions{MaxRetries: 2, RetryDelay: 300 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 10 * time.Second}
	switch c.Kind {
	case "", "default":
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: o, TenantID: c.TenantID, DisableInstanceDiscovery: c.PrivateAuthority,
		})
	case "managed-identity":
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
		if c.ClientID != "" {
			options.ID = azidentity.ClientID(c.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(options)
	case "workload-identity":
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o, ClientID: c.ClientID, TenantID: c.TenantID, TokenFilePath: c.TokenFile,
			DisableInstanceDiscovery: c.PrivateAuthority,
		})
	case "client-secret":
		return azidentity.NewClientSecretCredential(c.TenantID, c.ClientID, c.ClientSecret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: o, DisableInstanceDiscovery: c.PrivateAuthority,
		})
	case "cli":
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: c.TenantID})
	default:
		return nil, fmt.Errorf("azure.credential: %q: want default, managed-identity, workload-identity, client-secret or cli", c.Kind)
	}
}
