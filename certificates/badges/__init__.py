"""Open Badges 3.0: the certificate as a credential that anyone can check without asking this site's database."""
