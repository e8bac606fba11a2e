"""Where a holder may take a certificate: its public page, a profile elsewhere. Only addresses; nothing is sent."""

from urllib.parse import urlencode

from certificates.models import Certificate

LINKEDIN = "https://www.linkedin.com/profile/add"


def public_page(certificate: Certificate) -> str:
    return f"{certificate.site_url}/verify/{certificate.code}/"


def linkedin(certificate: Certificate) -> str:
    """Opens LinkedIn's own form, filled in; the holder is the one who saves it there."""
    return f"{LINKEDIN}?" + urlencode(
        {
            "startTask": "CERTIFICATION_NAME",
            "name": f"{certificate.title}: {certificate.kind_line.lower()}",
            "organizationName": certificate.clinic_name,
            "issueYear": certificate.issued_on.year,
            "issueMonth": certificate.issued_on.month,
            "expirationYear": certificate.valid_until_on.year,
            "expirationMonth": certificate.valid_until_on.month,
            "certUrl": public_page(certificate),
            "certId": certificate.number,
        }
    )
