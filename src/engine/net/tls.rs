//! The encryption of links: TLS 1.3, both sides proving their device key as a raw public key
//! (RFC 7250). Any Ed25519 key is accepted here; whose it is decides the core.

use std::sync::Arc;

use ed25519_dalek::{SigningKey, VerifyingKey};
use futures_rustls::{TlsAcceptor, TlsConnector};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureScheme,
};
use zeroize::Zeroizing;

use crate::core::ids::DeviceId;
use crate::platform::network::has_aes;

/// The name of the protocol in the handshake; the version is in the greeting, so that another
/// version can be refused politely.
const PROTOCOL: &[u8] = b"handout";
/// DER of an Ed25519 public key up to the key itself (RFC 8410).
const PUBLIC_DER: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// DER of an Ed25519 private key up to the seed itself (RFC 8410).
const PRIVATE_DER: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Both ends of encrypted connections for one device.
#[derive(Clone)]
pub struct Tls {
    /// For connections that this device accepts.
    pub acceptor: TlsAcceptor,
    /// For connections that this device makes.
    pub connector: TlsConnector,
}

impl Tls {
    /// Encryption that proves `key`.
    pub fn new(key: &SigningKey) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let verifier = Arc::new(AnyDevice(provider.clone()));
        let own = Arc::new(certified(key)?);

        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier.clone())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(
                own.clone(),
            )));
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(own)));
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_sni = false;

        Ok(Self {
            acceptor: Arc::new(server).into(),
            connector: Arc::new(client).into(),
        })
    }

    /// The name that a connection is made for; it is never sent.
    pub fn server_name() -> ServerName<'static> {
        ServerName::try_from("handout").expect("a plain word is a name")
    }
}

/// Ring with the cipher first that is fastest here; the accepting side follows the dialling one.
fn provider() -> CryptoProvider {
    let aes = [
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    let mut cipher_suites = vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    let at = usize::from(!has_aes());
    cipher_suites.splice(at..at, aes);
    CryptoProvider {
        cipher_suites,
        kx_groups: vec![kx_group::X25519],
        ..rustls::crypto::ring::default_provider()
    }
}

fn certified(key: &SigningKey) -> Result<CertifiedKey, Error> {
    let private = Zeroizing::new([&PRIVATE_DER[..], key.as_bytes()].concat());
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(private.as_slice()));
    let signer = rustls::crypto::ring::sign::any_supported_type(&private)?;
    let public = [&PUBLIC_DER[..], key.verifying_key().as_bytes()].concat();
    Ok(CertifiedKey::new(
        vec![CertificateDer::from(public)],
        signer,
    ))
}

/// The device behind a raw public key; none for other kinds of key, or a weak one, which many
/// could prove.
pub fn device_of(raw: &[u8]) -> Option<DeviceId> {
    let key = DeviceId::from_slice(raw.strip_prefix(&PUBLIC_DER)?)?;
    let point = VerifyingKey::from_bytes(key.as_bytes()).ok()?;
    (!point.is_weak()).then_some(key)
}

/// Accepts whoever proves an Ed25519 key.
#[derive(Debug)]
struct AnyDevice(Arc<CryptoProvider>);

impl AnyDevice {
    fn check(end_entity: &CertificateDer<'_>, more: &[CertificateDer<'_>]) -> Result<(), Error> {
        if more.is_empty() && device_of(end_entity).is_some() {
            Ok(())
        } else {
            Err(CertificateError::BadEncoding.into())
        }
    }

    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(key.as_ref()),
            signature,
            &self.0.signature_verification_algorithms,
        )
    }
}

fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
}

impl ServerCertVerifier for AnyDevice {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for AnyDevice {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_back_from_its_raw_key() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let certified = certified(&key).expect("a key of our own is usable");
        let raw = certified.cert[0].as_ref();
        assert_eq!(
            device_of(raw),
            Some(DeviceId(key.verifying_key().to_bytes()))
        );
    }

    #[test]
    fn weak_and_foreign_keys_are_no_devices() {
        let mut raw = PUBLIC_DER.to_vec();
        raw.extend([0; 32]);
        assert_eq!(device_of(&raw), None);
        assert_eq!(device_of(b"an X.509 certificate"), None);
        raw.push(0);
        assert_eq!(device_of(&raw), None);
    }
}
