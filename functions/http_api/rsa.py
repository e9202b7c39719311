"""SNS's RSA signatures."""

from base64 import b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

ALGORITHMS = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - SNS's version 1, which a topic has until it is set to 2


def fits(text: str, signature: str, version: str, pem: bytes) -> bool:
    """Whether `signature` (base 64) is one over `text` by the key of the certificate `pem`; `version` is SNS's."""
    if version not in ALGORITHMS:
        return False
    try:
        key = load_pem_x509_certificate(pem).public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(b64decode(signature, validate=True), text.encode(), PKCS1v15(), ALGORITHMS[version])
    except (InvalidSignature, ValueError):
        return False
    return True
