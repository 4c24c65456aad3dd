// Package charttest checks the Helm chart of hopguard with Helm itself: what it renders
// must be what Kubernetes knows, with the configuration that hopguard accepts. It needs
// HOPGUARD, the path of the program; make chart-test sets it.
package charttest

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const folder = "../hopguard"

// small are the fewest values that make sense.
const small = `
image: {repository: registry.example/hopguard}
workloadIdentity: {clientID: 00000000-0000-0000-0000-00000000c11e}
config:
  store: {account: "https://hopguard.blob.core.windows.net", container: state}
  groups:
    - name: emea
      members:
        - {name: vmx-a, vm: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/mrg-vmx-a/providers/Microsoft.Compute/virtualMachines/vmx-a}
        - {name: vmx-b, vm: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/mrg-vmx-b/providers/Microsoft.Compute/virtualMachines/vmx-b}
      checks:
        - {kind: tcp, port: 443, interval: 2s, timeout: 500ms, confirmInterval: 500ms}
`

// everything switches on what is off.
const everything = small + `
replicaCount: 3
imagePullSecrets: [{name: pull}]
serviceAccount: {name: own, annotations: {a: b}}
env: [{name: HOPGUARD_LOG_LEVEL, value: debug}]
envFrom: [{secretRef: {name: keys}}]
secretFiles: files
podAnnotations: {c: d}
podLabels: {e: f}
nodeSelector: {g: h}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: system-cluster-critical
service: {port: 80, annotations: {i: j}}
networkPolicy: {enabled: true, ingressFrom: [{namespaceSelector: {}}], egress: [{ports: [{port: 443}]}]}
serviceMonitor: {enabled: true, labels: {k: l}}
`

func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// render renders the chart as helm template does.
func render(t *testing.T, text string) (string, error) {
	t.Helper()
	c, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	install := action.NewInstall(&action.Configuration{})
	install.DryRun, install.ClientOnly, install.ReleaseName, install.Namespace = true, true, "test", "net"
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.31.0", Major: "1", Minor: "31"}
	release, err := install.Run(c, values(t, text))
	if err != nil {
		return "", err
	}
	return release.Manifest, nil
}

// objects decodes what was rendered, strictly: an unknown field is an error. What is not
// of Kubernetes itself is left out.
func objects(t *testing.T, manifest string) map[string]runtime.Object {
	t.Helper()
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	out := map[string]runtime.Object{}
	for documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest))); ; {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(text, &head); err != nil || head.Kind == "" {
			t.Fatalf("%v\n%s", err, text)
		}
		if strings.HasPrefix(head.APIVersion, "monitoring.coreos.com/") {
			out[head.Kind] = nil
			continue
		}
		object, _, err := strict.Decode(text, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", head.Kind, err, text)
		}
		out[head.Kind] = object
	}
}

func TestLint(t *testing.T) {
	for name, text := range map[string]string{"small": small, "everything": everything} {
		for _, m := range lint.All(folder, values(t, text), "net", true).Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

// What is rendered is known to Kubernetes, and hopguard takes the configuration in it.
func TestRendered(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		kinds []string
	}{
		"small":      {small, []string{"ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"}},
		"everything": {everything, []string{"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount", "ServiceMonitor"}},
		"alone with a file": {
			strings.Replace(small, `store: {account: "https://hopguard.blob.core.windows.net", container: state}`, "store: {kind: file}", 1) +
				"replicaCount: 1\nserviceAccount: {create: false, name: there}\n",
			[]string{"ConfigMap", "Deployment", "Service"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, err := render(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, manifest)
			if diff := cmp.Diff(tt.kinds, slices.Sorted(maps.Keys(all))); diff != "" {
				t.Errorf("kinds (-want +got):\n%s", diff)
			}
			config := all["ConfigMap"].(*corev1.ConfigMap).Data["hopguard.yaml"]
			accepted(t, config)
			checkDeployment(t, all["Deployment"].(*appsv1.Deployment))
		})
	}
}

// accepted asks hopguard itself.
func accepted(t *testing.T, config string) {
	t.Helper()
	program := os.Getenv("HOPGUARD")
	if program == "" {
		t.Fatal("HOPGUARD is not set: run make chart-test")
	}
	file := filepath.Join(t.TempDir(), "hopguard.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "config", "check", "--config", file)
	cmd.Env = []string{"AZURE_FEDERATED_TOKEN_FILE=" + file, "AZURE_CLIENT_ID=x", "AZURE_TENANT_ID=x"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("hopguard config check: %v: %s\n%s", err, out, config)
	}
}

// checkDeployment holds what must be so whatever the values are.
func checkDeployment(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	for what, ok := range map[string]bool{
		"the selector selects the pods": includes(d.Spec.Template.Labels, d.Spec.Selector.MatchLabels),
		"one container":                 len(pod.Containers) == 1 && len(pod.InitContainers) == 0,
		"not root":                      *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"seccomp":                       pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"no capabilities":               slices.Equal(c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(c.SecurityContext.Capabilities.Add) == 0,
		"no escalation":                 !*c.SecurityContext.AllowPrivilegeEscalation,
		"a root that is only read":      *c.SecurityContext.ReadOnlyRootFilesystem,
		"no token of the cluster":       !*pod.AutomountServiceAccountToken,
		"alive":                         c.LivenessProbe.HTTPGet.Path == "/livez" && c.LivenessProbe.HTTPGet.Port.StrVal == "http",
		"ready":                         c.ReadinessProbe.HTTPGet.Path == "/readyz",
		"port":                          c.Ports[0].Name == "http" && c.Ports[0].ContainerPort == 8080,
		"bounded memory":                !c.Resources.Limits.Memory().IsZero(),
		"the usual command":             slices.Equal(c.Args, []string{"run", "--config", "/etc/hopguard/hopguard.yaml"}) && len(c.Command) == 0,
	} {
		if !ok {
			t.Errorf("the deployment is not so: %s", what)
		}
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("the mount %s has no volume", m.Name)
		}
		delete(volumes, m.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("nobody mounts %v", volumes)
	}
}

func includes(all, some map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return len(some) > 0
}

func TestWorkloadIdentity(t *testing.T) {
	manifest, err := render(t, small)
	if err != nil {
		t.Fatal(err)
	}
	all := objects(t, manifest)
	d, account := all["Deployment"].(*appsv1.Deployment), all["ServiceAccount"].(*corev1.ServiceAccount)
	if *d.Spec.Replicas != 2 || d.Spec.Template.Labels["azure.workload.identity/use"] != "true" || d.Spec.Template.Spec.ServiceAccountName != account.Name {
		t.Errorf("%d replicas with the labels %v of %s, want 2 that use the identity", *d.Spec.Replicas, d.Spec.Template.Labels, d.Spec.Template.Spec.ServiceAccountName)
	}
	if got := account.Annotations["azure.workload.identity/client-id"]; got != "00000000-0000-0000-0000-00000000c11e" {
		t.Errorf("the service account is for %q", got)
	}
	if b := all["PodDisruptionBudget"].(*policyv1.PodDisruptionBudget); !includes(d.Spec.Template.Labels, b.Spec.Selector.MatchLabels) {
		t.Errorf("the budget selects %v", b.Spec.Selector)
	}
	if s := all["Service"].(*corev1.Service); !includes(d.Spec.Template.Labels, s.Spec.Selector) || !s.Spec.PublishNotReadyAddresses {
		t.Errorf("the service is %+v", s.Spec)
	}
}

// New pods come when the configuration changes, and only then.
func TestConfigurationMakesNewPods(t *testing.T) {
	sum := func(text string) string {
		manifest, err := render(t, text)
		if err != nil {
			t.Fatal(err)
		}
		return objects(t, manifest)["Deployment"].(*appsv1.Deployment).Spec.Template.Annotations["checksum/config"]
	}
	one, same, other := sum(small), sum(small+"service: {port: 81}\n"), sum(strings.Replace(small, "interval: 2s", "interval: 3s", 1))
	if one == "" || one != same || one == other {
		t.Errorf("checksums are %q, %q for the same and %q for another configuration", one, same, other)
	}
}

func TestNetworkPolicy(t *testing.T) {
	manifest, err := render(t, everything)
	if err != nil {
		t.Fatal(err)
	}
	p := objects(t, manifest)["NetworkPolicy"].(*networkingv1.NetworkPolicy)
	if len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Ingress) != 1 || len(p.Spec.Ingress[0].From) != 1 || len(p.Spec.Egress) != 2 {
		t.Errorf("the policy is %+v", p.Spec)
	}
}

// Values that make no working hopguard are refused, with what is wanted.
func TestBadValues(t *testing.T) {
	without := func(old, new string) string { return strings.Replace(small, old, new, 1) }
	for name, tt := range map[string]struct{ text, want string }{
		"no image":               {without("image: {repository: registry.example/hopguard}", ""), "image.repository: want where the image was pushed to"},
		"no groups":              {without("groups:", "gruppen:"), "config.groups: want at least one group"},
		"two without a store":    {without("store: {account", "store: {kind: file, account"), "config.store.kind: want blob"},
		"an API on the loopback": {without("config:\n", "config:\n  api: {listen: \"127.0.0.1:8080\"}\n"), "want :PORT"},
		"an unknown value":       {small + "replicas: 3\n", "replicas"},
		"no replica":             {small + "replicaCount: 0\n", "replicaCount"},
		"no GUID":                {without("clientID: 0", "clientID: x"), "clientID"},
		"no service account":     {small + "serviceAccount: {create: false}\n", "serviceAccount.name"},
	} {
		if _, err := render(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
