//! Those who make tokens, good and bad: with a secret, with RSA, with Ed25519, and with whatever a forger tries.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use payoutd::http::{Keys, Parties, TokenCheck};
use serde_json::{Value, json};

pub const SECRET: &str = "a secret of this test, 32 bytes or longer";

/// A key pair of somebody.
pub struct Issuer {
    pub algorithm: Algorithm,
    pub private_pem: String,
    pub public_pem: String,
    pub public_der: Vec<u8>,
    signing: EncodingKey,
}

pub static RSA: LazyLock<Issuer> = LazyLock::new(rsa_issuer);
/// Somebody else, whose tokens are none of ours.
pub static STRANGER: LazyLock<Issuer> = LazyLock::new(rsa_issuer);
pub static ED: LazyLock<Issuer> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    let private_pem = pem("PRIVATE KEY", pair.to_pkcs8v1().expect("PKCS #8").as_ref());
    let signing = EncodingKey::from_ed_pem(private_pem.as_bytes()).expect("readable");
    issuer(Algorithm::EdDSA, private_pem, public.as_ref(), signing)
});

fn rsa_issuer() -> Issuer {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    let private_pem = pem("PRIVATE KEY", private.as_ref());
    let signing = EncodingKey::from_rsa_pem(private_pem.as_bytes()).expect("readable");
    issuer(Algorithm::RS256, private_pem, public.as_ref(), signing)
}

fn issuer(algorithm: Algorithm, private_pem: String, public: &[u8], signing: EncodingKey) -> Issuer {
    Issuer { algorithm, private_pem, public_pem: pem("PUBLIC KEY", public), public_der: public.to_vec(), signing }
}

impl Issuer {
    /// A token with this header, besides `alg` and `typ`, and these claims.
    pub fn sign(&self, header: Value, claims: &Value) -> String {
        sign(self.algorithm, &self.signing, header, &claims.to_string())
    }

    pub fn sign_as(&self, algorithm: Algorithm, claims: &Value) -> String {
        sign(algorithm, &self.signing, json!({}), &claims.to_string())
    }

    /// As it stands in a JWKS.
    pub fn jwk(&self, kid: Option<&str>) -> Value {
        let jwk = Jwk::from_encoding_key(&self.signing, self.algorithm).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        if let Some(kid) = kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    pub fn keys(&self) -> Keys {
        Keys::pem(self.public_pem.as_bytes()).expect("a public key")
    }
}

/// HS256 with any bytes as the secret.
pub fn hmac(secret: &[u8], claims: &Value) -> String {
    hmac_text(secret, Algorithm::HS256, json!({}), &claims.to_string())
}

pub fn hmac_text(secret: &[u8], algorithm: Algorithm, header: Value, claims: &str) -> String {
    sign(algorithm, &EncodingKey::from_secret(secret), header, claims)
}

fn sign(algorithm: Algorithm, key: &EncodingKey, mut header: Value, claims: &str) -> String {
    let fields = header.as_object_mut().expect("an object");
    fields.entry("alg").or_insert(json!(format!("{algorithm:?}")));
    fields.entry("typ").or_insert(json!("JWT"));
    let message = unsigned(&header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("signed");
    format!("{message}.{signature}")
}

/// Header and claims, without a signature.
pub fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes(), true), base64(claims.as_bytes(), true))
}

pub fn secret_keys() -> Keys {
    Keys::secret(&SECRET.into()).expect("long enough")
}

pub fn check_with(keys: Keys) -> TokenCheck {
    TokenCheck::new(keys, Parties { issuer: "payoutd".into(), audience: "payoutd".into() })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64(der, false);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// RFC 4648; for URLs without padding.
fn base64(bytes: &[u8], for_urls: bool) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4_usize {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize] as char;
            match (at <= three.len(), for_urls, letter) {
                (false, true, _) => {}
                (false, false, _) => text.push('='),
                (true, true, '+') => text.push('-'),
                (true, true, '/') => text.push('_'),
                (true, _, letter) => text.push(letter),
            }
        }
    }
    text
}
