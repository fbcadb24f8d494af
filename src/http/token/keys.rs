//! What tokens are signed with: one secret (HS256), one public key (RS256 or EdDSA), or a set of public keys. A key
//! goes with one algorithm, so that a public key is never taken for a secret.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};

/// RFC 7518, 3.2: as long as the hash's output, or longer.
const SHORTEST_SECRET_BYTES: usize = 32;
/// A modulus of 2048 bits in base64url. RFC 7518, 3.3 asks for that many.
const SHORTEST_MODULUS_CHARS: usize = 342;

/// Why a key cannot be used. Never shows a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret could be guessed.
    #[error("is shorter than 32 bytes and could be guessed: make one with `openssl rand -base64 32`")]
    ShortSecret,
    /// The file holds what only the issuer should have.
    #[error("holds a private or secret key: give payoutd the public one alone, and keep this one with the issuer")]
    Private,
    /// It is something else.
    #[error("is not a public key in PEM: it begins with -----BEGIN PUBLIC KEY----- and is an RSA or Ed25519 key")]
    NotPem,
    /// The RSA key is too short.
    #[error("holds an RSA key of less than 2048 bits: have the issuer make a longer one")]
    ShortRsa,
    /// It is no set of keys.
    #[error("is not a JWKS: it looks like {{\"keys\":[{{\"kty\":\"RSA\",…}}]}}")]
    NotJwks,
    /// There is nothing in it to check a token with.
    #[error("has no key for RS256 or EdDSA (Ed25519) signatures")]
    NoneUsable,
    /// A token could not say which key is meant.
    #[error("has several keys, so each needs a `kid` of its own")]
    NoKid,
}

/// The keys that tokens are checked with.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
pub(super) struct Key {
    /// Only of a set.
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

impl Keys {
    /// HS256.
    ///
    /// # Errors
    /// When it is shorter than 32 bytes.
    pub fn secret(secret: &SecretString) -> Result<Self, KeyError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < SHORTEST_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        Ok(Self::one(Algorithm::HS256, DecodingKey::from_secret(secret)))
    }

    /// RS256 or EdDSA, as the key is.
    ///
    /// # Errors
    /// When it is not a public key that can be used.
    pub fn pem(text: &[u8]) -> Result<Self, KeyError> {
        if String::from_utf8_lossy(text).contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if let Ok(key) = DecodingKey::from_rsa_pem(text) {
            let jwk = Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).map_err(|_| KeyError::NotPem)?;
            refuse_short_rsa(&jwk)?;
            return Ok(Self::one(Algorithm::RS256, key));
        }
        let key = DecodingKey::from_ed_pem(text).map_err(|_| KeyError::NotPem)?;
        Ok(Self::one(Algorithm::EdDSA, key))
    }

    /// RS256 and EdDSA keys of a set; a token names one by its `kid`, unless there is only one. Keys for other uses and
    /// algorithms are passed over.
    ///
    /// # Errors
    /// When it is no set, has nothing to use, or has something that no set of public keys has.
    pub fn jwks(text: &[u8]) -> Result<Self, KeyError> {
        let set: serde_json::Value = serde_json::from_slice(text).map_err(|_| KeyError::NotJwks)?;
        // A private key is a public one with `d` to it, and would be read as one.
        let listed = set["keys"].as_array().ok_or(KeyError::NotJwks)?;
        if listed.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
            return Err(KeyError::Private);
        }
        let set: JwkSet = serde_json::from_value(set).map_err(|_| KeyError::NotJwks)?;
        let found: Result<Vec<_>, _> = set.keys.iter().filter_map(usable).collect();
        let keys = found?;
        let kids: std::collections::BTreeSet<_> = keys.iter().filter_map(|key| key.kid.as_ref()).collect();
        match keys.len() {
            0 => Err(KeyError::NoneUsable),
            several if several > 1 && kids.len() < several => Err(KeyError::NoKid),
            _ => Ok(Self(keys)),
        }
    }

    fn one(algorithm: Algorithm, decoding: DecodingKey) -> Self {
        Self(vec![Key { kid: None, algorithm, decoding }])
    }

    /// The algorithms' names, for the log.
    pub fn algorithms(&self) -> String {
        let names: std::collections::BTreeSet<_> = self.0.iter().map(|key| format!("{:?}", key.algorithm)).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// The key that a token means. A key that has no id is meant by any.
    pub(super) fn meant_by(&self, kid: Option<&str>) -> Option<&Key> {
        match (self.0.as_slice(), kid) {
            ([only], kid) if only.kid.is_none() || kid.is_none() || only.kid.as_deref() == kid => Some(only),
            (several, Some(kid)) => several.iter().find(|key| key.kid.as_deref() == Some(kid)),
            (_, None) => None,
        }
    }
}

/// `None` for what is not for us.
fn usable(jwk: &Jwk) -> Option<Result<Key, KeyError>> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
        (AlgorithmParameters::OctetKeyPair(pair), None | Some(KeyAlgorithm::EdDSA))
            if pair.curve == EllipticCurve::Ed25519 =>
        {
            Algorithm::EdDSA
        }
        _ => return None,
    };
    let key = |decoding| Key { kid: jwk.common.key_id.clone(), algorithm, decoding };
    let decoding = DecodingKey::from_jwk(jwk).map_err(|_| KeyError::NotJwks);
    Some(refuse_short_rsa(jwk).and(decoding).map(key))
}

fn refuse_short_rsa(jwk: &Jwk) -> Result<(), KeyError> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() < SHORTEST_MODULUS_CHARS => Err(KeyError::ShortRsa),
        _ => Ok(()),
    }
}
