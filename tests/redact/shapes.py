"""One table of every credential shape: examples that must be masked, and lookalikes that must not.

Everything is put together at run time, so that no scanner of this repository finds a credential in it.
"""

# ruff: noqa: S311, SIM905 - chance with a seed gives the same examples each time; words read better in lines

from __future__ import annotations

import base64
import random
import string
from typing import NamedTuple

_CHARS = {
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "h": "0123456789abcdef",
    "U": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "d": string.digits,
}


class Shape(NamedTuple):
    """A kind of credential: the rule that knows it, and how one is made."""

    rule: str
    parts: tuple[str | tuple[str, int], ...]

    @property
    def kept(self) -> str:
        """What stands before the secret part, and stays."""
        return str(self.parts[0]) if self.rule in PARTLY else ""

    def make(self, seed: int = 0) -> str:
        """A credential of this kind; another for another seed."""
        chance = random.Random(f"{self.rule}{self.parts}{seed}")
        return "".join(part if isinstance(part, str) else _text(chance, *part) for part in self.parts)


def _text(chance: random.Random, kind: str, size: int) -> str:
    """So many characters of a kind; digits and capitals are among them, as in any long random text."""
    text = "".join(chance.choice(_CHARS[kind]) for _ in range(size))
    return text if kind in "dhU" or size < 8 else f"{text[1:-6]}7x9" + ("A4b2" if kind != "l" else "a4b2")


def _shapes(rule: str, prefixes: str, kind: str, size: int) -> list[Shape]:
    return [Shape(rule, (prefix, (kind, size))) for prefix in prefixes.split()]


SHAPES: tuple[Shape, ...] = (
    *_shapes(
        "openai and alike", "sk- sk-proj- sk-svcacct- sk-admin- sk-ant-api03- sk-ant-admin01- sk-or-v1- sk-lf-", "w", 40
    ),
    *_shapes("langfuse public", "pk-lf-", "h", 32),
    *_shapes("groq", "gsk_", "a", 52),
    *_shapes("xai", "xai-", "a", 80),
    *_shapes("hugging face", "hf_ api_org_", "a", 34),
    *_shapes("google api key", "AIza", "w", 35),
    *_shapes("google auth key", "AQ.Ab", "w", 45),
    *_shapes("google oauth", "ya29.", "w", 60),
    *_shapes("google client secret", "GOCSPX-", "w", 28),
    *_shapes("perplexity", "pplx-", "a", 48),
    *_shapes("replicate", "r8_", "a", 37),
    *_shapes("fireworks", "fw_", "a", 24),
    *_shapes("cerebras", "csk-", "l", 48),
    *_shapes("nvidia", "nvapi-", "w", 64),
    *_shapes("voyage", "pa- al-", "w", 43),
    *_shapes("databricks", "dapi dose dkea", "h", 32),
    *_shapes("together", "tgp_v1_", "w", 43),
    *_shapes("langsmith", "lsv2_pt_ lsv2_sk_ ls__", "l", 43),
    *_shapes("logfire", "pylf_v1_us_", "a", 43),
    *_shapes("pinecone", "pcsk_", "a", 60),
    *_shapes("tavily", "tvly- tvly-dev-", "a", 32),
    *_shapes("firecrawl", "fc-", "h", 32),
    *_shapes("jina", "jina_", "a", 60),
    *_shapes("elevenlabs", "sk_", "h", 48),
    *_shapes("runpod", "rpa_", "U", 44),
    *_shapes("e2b", "e2b_", "h", 40),
    *_shapes("yandex", "AQVN", "w", 36),
    *_shapes("bedrock", "ABSK bedrock-api-key-", "a", 120),
    *_shapes("aws access key id", "AKIA ASIA ABIA ACCA", "U", 16),
    *_shapes("alibaba", "LTAI", "a", 20),
    *_shapes("tencent", "AKID", "a", 32),
    Shape("azure client secret", (("a", 3), "8Q~", ("w", 34))),
    *_shapes("digitalocean", "dop_v1_ doo_v1_ dor_v1_", "h", 64),
    *_shapes("heroku", "HRKU-AA", "w", 58),
    Shape("cloudflare origin", ("v1.0-", ("h", 24), "-", ("h", 146))),
    *_shapes("fly.io", "fo1_ fm1a_ fm1r_ fm2_", "a", 100),
    *_shapes("netlify", "nfp_ nfc_ nfo_ nfu_", "a", 36),
    *_shapes("render", "rnd_", "a", 28),
    *_shapes("supabase", "sbp_ sb_secret_", "h", 40),
    *_shapes("planetscale", "pscale_tkn_ pscale_oauth_ pscale_pw_", "w", 43),
    *_shapes("pulumi", "pul-", "h", 40),
    Shape("terraform", (("a", 14), ".atlasv1.", ("w", 67))),
    *_shapes("vault", "hvs. hvb. hvr.", "w", 95),
    *_shapes("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", "a", 43),
    *_shapes("1password", "ops_eyJ", "a", 250),
    Shape("1password key", ("A3-", ("U", 6), "-", ("U", 11), "-", ("U", 5), "-", ("U", 5), "-", ("U", 5))),
    *_shapes("openshift", "sha256~", "w", 43),
    *_shapes("github", "ghp_ gho_ ghu_ ghs_ ghr_", "a", 36),
    Shape("github fine-grained", ("github_pat_", ("a", 22), "_", ("a", 59))),
    *_shapes(
        "gitlab", "glpat- glptt- gldt- glcbt- glffct- glft- glimt- glagent- gloas- glrt- glrtr- glsoat- glwt-", "w", 20
    ),
    *_shapes("gitlab", "GR1348941", "w", 20),
    *_shapes("bitbucket and atlassian", "ATBB ATATT3 ATCTT3", "a", 60),
    *_shapes("sourcegraph", "sgp_ sgp_local_", "h", 40),
    *_shapes("sonar", "squ_ sqp_ sqa_", "h", 40),
    *_shapes("npm", "npm_", "a", 36),
    *_shapes("pypi", "pypi-AgEIcHlwaS5vcmc", "w", 80),
    *_shapes("rubygems", "rubygems_", "h", 48),
    *_shapes("docker hub", "dckr_pat_ dckr_oat_", "w", 27),
    *_shapes("crates.io", "cio", "a", 32),
    *_shapes("nuget", "oy2", "l", 43),
    *_shapes("artifactory", "AKCp cmVmdGtu", "a", 69),
    *_shapes("clojars", "CLOJARS_", "l", 60),
    *(
        Shape("slack", (prefix, ("d", 12), "-", ("d", 12), "-", ("a", 24)))
        for prefix in "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxc- xoxd- xoxe- xoxe.xoxb-1- xoxe.xoxp-1- xapp-1-".split()
    ),
    Shape("slack webhook", ("https://hooks.slack.com/services/", "T", ("U", 8), "/B", ("U", 8), "/", ("a", 24))),
    Shape("discord webhook", ("https://discord.com/api/webhooks/123456789012345678/", ("w", 68))),
    Shape(
        "teams webhook",
        ("https://x.webhook.office.com/webhookb2/", ("h", 8), "-", ("h", 30), "@", ("h", 30), "/", ("h", 30)),
    ),
    Shape("discord bot", ("MT", ("a", 22), ".", ("w", 6), ".", ("w", 38))),
    Shape("telegram bot", (("d", 10), ":AA", ("w", 33))),
    Shape("sendgrid", ("SG.", ("w", 22), ".", ("w", 43))),
    *_shapes("mailgun", "key- pubkey-", "h", 32),
    Shape("mailchimp", (("h", 32), "-us12")),
    Shape("brevo", ("xkeysib-", ("h", 64), "-", ("a", 16))),
    Shape("resend", ("re_", ("a", 8), "_", ("a", 24))),
    *_shapes("stripe", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", "a", 24),
    *_shapes("webhook secret", "whsec_", "a", 32),
    *_shapes("square", "sq0atp- sq0csp-", "w", 43),
    *_shapes("square access token", "EAAA", "w", 60),
    Shape("braintree", ("access_token$production$", ("l", 16), "$", ("h", 32))),
    *_shapes("razorpay", "rzp_live_ rzp_test_", "a", 14),
    *_shapes("shopify", "shpat_ shpca_ shppa_ shpss_ shptka_", "h", 32),
    *(
        Shape("plaid", (f"access-{place}-", ("h", 8), "-", ("h", 4), "-", ("h", 4), "-", ("h", 4), "-", ("h", 12)))
        for place in ("sandbox", "development", "production")
    ),
    Shape("flutterwave", ("FLWSECK_TEST-", ("h", 32), "-X")),
    *_shapes("easypost", "EZAK EZTK", "a", 54),
    *_shapes("shippo", "shippo_live_ shippo_test_", "h", 40),
    *_shapes("new relic", "NRAK- NRJS- NRII- NRIQ- NRAA-", "U", 27),
    *_shapes("grafana", "glc_ glsa_", "a", 40),
    *_shapes("grafana legacy", "eyJrIjoi", "a", 80),
    *_shapes("sentry", "sntrys_ sntryu_", "a", 64),
    Shape("dynatrace", ("dt0c01.", ("U", 24), ".", ("U", 64))),
    *_shapes("honeycomb", "hcaik_ hcxik_ hcamk_", "l", 58),
    *_shapes("posthog", "phx_ phs_", "a", 43),
    *_shapes("linear", "lin_api_ lin_oauth_", "a", 40),
    *_shapes("notion", "ntn_ secret_", "a", 46),
    *_shapes("figma", "figd_ figdr_ figu_ figor_ figo_", "w", 40),
    Shape("postman", ("PMAK-", ("h", 24), "-", ("h", 34))),
    Shape("airtable", ("pat", ("a", 14), ".", ("h", 64))),
    *(
        Shape("hubspot", (f"pat-{place}-", ("h", 8), "-", ("h", 4), "-", ("h", 4), "-", ("h", 4), "-", ("h", 12)))
        for place in ("na1", "na2", "eu1", "ap1")
    ),
    *_shapes("twilio", "SK", "h", 32),
    *_shapes("dropbox", "sl.", "w", 130),
    *_shapes("contentful", "CFPAT-", "w", 43),
    *_shapes("mapbox", "sk.eyJ", "a", 90),
    *_shapes("typeform", "tfp_", "w", 59),
    *_shapes("readme", "rdme_", "l", 70),
    *_shapes("prefect", "pnu_ pnb_", "a", 36),
    *_shapes("facebook", "EAAM EAAC EAAG EAAB", "a", 110),
    *_shapes("octopus deploy", "API-", "U", 26),
    *_shapes("frame.io", "fio-u-", "w", 64),
    *_shapes("duffel", "duffel_test_ duffel_live_", "w", 43),
    *_shapes("infracost", "ico-", "a", 32),
    Shape("jwt", ("eyJhbGciOi", ("a", 26), ".eyJ", ("a", 40), ".", ("w", 43))),
    *_shapes("age", "AGE-SECRET-KEY-1", "U", 58),
    Shape("bearer", ("Bearer ", ("w", 30))),
)

#: Of these only the secret part is masked.
PARTLY = {"slack webhook", "discord webhook", "teams webhook", "bearer", "basic", "private key"}


def basic(user: str = "user") -> str:
    """Credentials of HTTP's basic scheme."""
    return base64.b64encode(f"{user}:{Shape('basic', (('a', 12),)).make()}".encode()).decode()


def private_key(kind: str = "RSA ") -> str:
    """A private key in PEM."""
    body = Shape("pem", (("a", 380),)).make()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    dashes = "-" * 5
    return f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}\n{lines}\n{dashes}END {kind}PRIVATE KEY{dashes}\n"


#: What looks a little like a credential and is none.
LOOKALIKES = (
    "The task-based sk-learn pipelines are good; risk-averse desk-bound people like sk-fading-circle.",
    "sk-container-id-1 sk-estimator-doc-link sk-toggleable__content",
    "call_abc123DEF456ghi789JKL012mno toolu_01A09q90qw90lq917835lq9 chatcmpl-AbCdEf0123456789ABCDEFghij",
    "resp_67ccd3a9da748190baa7f1570fe91ac604becb25c45c1d41 msg_01XFDUDYJgAACzvnptvVoYEL req_011CSHoEeqs5C35K2UUqR7Fy",
    "fc_67ccd3acc8d48190a77525dc6de64b4104becb25c45c1d41 rs_68af4030592c81938ec0a5fbab4a3e9f",
    "file-AbCdEf0123456789ABCDEFghij asst_AbCdEf0123456789ABCDEFgh thread_AbCdEf0123456789ABCDEFgh run_AbCdEf01",
    "gpt-4o-2024-08-06 claude-opus-4-20250514 gemini-2.5-flash-preview-05-20 llama-3.1-sonar-128k pplx-70b-online",
    "123e4567-e89b-12d3-a456-426614174000 and d41d8cd98f00b204e9800998ecf8427e",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "the bearer of bad news; a basic understanding of JavaScript; Basic authentication; bearer authentication-required",
    "max_tokens=4096 total_tokens: 12 the token: a piece of text; password reset; secret sauce",
    "https://example.com/a?page=2&q=tokens#part and https://medium.com/@someone/post and git+ssh://git@github.com/a/b.git",
    "npm install react@18 --save-dev; user@example.com; https://unpkg.com/react@18/index.js",
    "if token == 'abc': return password is None or secrets.token_hex(16) != self.secret",
    "-----BEGIN PUBLIC KEY----- and -----BEGIN CERTIFICATE-----",
    "en-us us-east-1 pay-as-you-go pat-a-cake key-value api-version AKIA is a prefix, ghp_ and xoxb- too",
    "data:image/png;base64," + base64.b64encode(bytes(random.Random(7).randrange(256) for _ in range(3000))).decode(),
    "idx:1234567:AAA, 12:30:45, arn:aws:iam::123456789012:role/x, 2024-10-03T12:30:00Z",
)
