package azure

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// cloud returns the configuration of the SDK: the named cloud, with what is
// overridden. The SDK needs both an endpoint and an audience.
func (s Settings) cloud() (cloud.Configuration, error) {
	var base cloud.Configuration
	switch s.Cloud {
	case "", "AzurePublic":
		base = cloud.AzurePublic
	case "AzureUSGovernment":
		base = cloud.AzureGovernment
	case "AzureChina":
		base = cloud.AzureChina
	default:
		return cloud.Configuration{}, fmt.Errorf("azure.cloud: %q: want AzurePublic, AzureUSGovernment or AzureChina", s.Cloud)
	}
	manager := base.Services[cloud.ResourceManager]
	if s.Endpoint != "" {
		if err := checkURL("azure.endpoint", s.Endpoint); err != nil {
			return cloud.Configuration{}, err
		}
		manager.Endpoint = strings.TrimSuffix(s.Endpoint, "/")
	}
	if s.Audience != "" {
		manager.Audience = s.Audience
	}
	if s.Authority != "" {
		if err := checkURL("azure.authority", s.Authority); err != nil {
			return cloud.Configuration{}, err
		}
		base.ActiveDirectoryAuthorityHost = s.Authority
	}
	base.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: manager}
	return base, nil
}

func checkURL(path, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s: %q: want an absolute https URL, because a token goes there", path, s)
	}
	return nil
}
