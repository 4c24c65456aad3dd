package azuresim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// The files of a TLS folder.
const (
	caFile   = "ca.pem"
	certFile = "server.pem"
	keyFile  = "server.key"
)

// certificateLife is how long a made certificate is valid; one that ends within a day is made anew.
const certificateLife = 30 * 24 * time.Hour

// Certificate loads the server certificate of a folder, or makes one with a new authority when there is none that is still good.
// ca.pem is what clients must trust; the authority's key is forgotten at once. The certificate names localhost, 127.0.0.1, ::1 and
// names, each a host or an address; one that lacks a name is made anew.
func Certificate(dir string, names ...string) (tls.Certificate, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("open certificate folder: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing is written through it at that point
	if cert, err := loadCertificate(root, names); err == nil {
		return cert, nil
	}
	return makeCertificate(root, names)
}

// loadCertificate reads a certificate and checks that it has the names, is signed by the authority beside it and lasts another day.
func loadCertificate(root *os.Root, names []string) (tls.Certificate, error) {
	ca, errCA := root.ReadFile(caFile)
	certPEM, errCert := root.ReadFile(certFile)
	keyPEM, errKey := root.ReadFile(keyFile)
	if err := errors.Join(errCA, errCert, errKey); err != nil {
		return tls.Certificate{}, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	_, err = cert.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "localhost", CurrentTime: time.Now().Add(24 * time.Hour)})
	return cert, errors.Join(err, hasNames(cert.Leaf, names))
}

// hasNames says which name a client would not accept the certificate for.
func hasNames(leaf *x509.Certificate, names []string) error {
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			return fmt.Errorf("name %q: %w", name, err)
		}
	}
	return nil
}

func makeCertificate(root *os.Root, names []string) (tls.Certificate, error) {
	fail := func(err error) (tls.Certificate, error) {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "azuresim authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return fail(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	if err := hasNames(leaf, names); err != nil { // no host could be called so
		return fail(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	block := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	certPEM, keyPEM := block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
	for _, f := range []struct {
		name string
		data []byte
		mode fs.FileMode
	}{{keyFile, keyPEM, 0o600}, {certFile, certPEM, 0o644}, {caFile, block("CERTIFICATE", caDER), 0o644}} {
		if err := root.WriteFile(f.name, f.data, f.mode); err != nil {
			return fail(err)
		}
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}
