//! The `Stripe-Signature` header.

use aws_lc_rs::hmac;

/// `t=…,v1=…`: HMAC-SHA256 of `{t}.{body}`, keyed with the whole secret, `whsec_` included.
pub fn signature_header(secret: &str, at_unix: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{at_unix}.").as_bytes());
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_unix},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1492774577.{"a":1}' | openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        let header = signature_header("whsec_test", 1_492_774_577, br#"{"a":1}"#);
        assert_eq!(header, "t=1492774577,v1=2a55874e33dedb30da6fac02873208f53a243141599a71c0d52a1d5b89656823");
    }
}
