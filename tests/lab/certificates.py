"""Certificates of every bad kind, made with openssl into a folder."""

import datetime
import subprocess
from pathlib import Path


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {' '.join(map(str, words))}: {done.stderr}"


class Certificates:
    """A CA of our own and the certificates it has signed. good("name") etc. return (certificate file, key file)."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca, self.ca_key = self._authority("ca")
        self.other_ca, self.other_ca_key = self._authority("other-ca")

    def _authority(self, name):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN=Tandem test {name}", "-keyout", key, "-out", certificate,
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return certificate, key

    def intermediate(self, name="middle", end=None):
        """An authority that "ca" vouches for; leaf(signer=name) is then signed by it. Returns its certificate."""
        certificate, _ = self.leaf(name, san=None, subject=f"/CN=Tandem test {name}", end=end,
                                   constraints="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        return certificate

    def revocation_list(self, *revoked, signer="ca", days=30, name="crl"):
        """A list of `signer` with the certificates of those names in it. days < 0: out of date since then."""
        database, config = self.folder / f"{name}.db", self.folder / f"{name}.cnf"
        database.write_text("")
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\ndefault_md=sha256\n")
        words = ["ca", "-config", config, "-cert", self.folder / f"{signer}.pem", "-keyfile", self.folder / f"{signer}.key"]
        for each in revoked:
            openssl(*words, "-revoke", self.folder / f"{each}.pem", "-crl_reason", "keyCompromise")
        made = self.folder / f"{name}.pem"
        now = datetime.datetime.now(datetime.timezone.utc)
        stamps = [(now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (min(days, 0) - 1, days)]
        openssl(*words, "-gencrl", "-crl_lastupdate", stamps[0], "-crl_nextupdate", stamps[1], "-out", made)
        return made

    def leaf(self, name, san="DNS:www.site.example,IP:127.0.0.1", signer="ca", start=None, end=None, subject="/CN=www.site.example",
             key_type=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), digest="sha256", constraints="basicConstraints=CA:FALSE\n",
             key_file=None):
        """`start`, `end`: YYYYMMDDHHMMSSZ; san None: no subjectAltName; signer "self", "ca" or "other-ca"."""
        key, request, certificate = (self.folder / f"{name}{end}" for end in (".key", ".csr", ".pem"))
        if key_file:
            key.write_bytes(Path(key_file).read_bytes())
            openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        else:
            openssl("req", "-new", "-newkey", *key_type, "-nodes", "-subj", subject, "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(constraints + (f"subjectAltName={san}\n" if san else ""))
        # `openssl ca` is the one command of OpenSSL 3.0 that sets both dates.
        database = self.folder / f"{name}.db"
        database.write_text("")
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                          f"default_md={digest}\nunique_subject=no\npolicy=p\n[p]\ncommonName=optional\n")
        signing = (["-selfsign", "-keyfile", key] if signer == "self" else
                   ["-cert", self.folder / f"{signer}.pem", "-keyfile", self.folder / f"{signer}.key"])
        dates = ["-startdate", start or "20200101000000Z", "-enddate", end or "20491231235959Z"]
        openssl("ca", "-batch", "-notext", "-config", config, *signing, *dates, "-extfile", extensions,
                "-in", request, "-out", certificate)
        return certificate, key
