"""The shapes of well-known credentials as one table; the lists of public scanners, in expressions of our own.

Invariant: every rule begins with an anchor of fixed width, so that a matcher which only knows where an anchor ends
knows where the credential begins; and no rule matches a quote or a backslash that is not part of a whole escape, so
that masking what it matches leaves JSON valid.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ALNUM = "[A-Za-z0-9]"
WORD = "[A-Za-z0-9_-]"
DOTTED = "[A-Za-z0-9_.=-]"
BASE64 = "[A-Za-z0-9+/_=-]"
HEX = "[0-9a-fA-F]"
UPPER = "[A-Z0-9]"

#: What may stand before a credential: no letter or digit, unless it ends an escape (JSON, repr or percent).
BORDER = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=\\x[0-9a-fA-F]{2})|(?<=%[0-9A-Fa-f]{2}))"

#: No credential is longer, in bytes; so that looking for the end of a false alarm has a bound.
LONGEST = 4096

_ANCHOR_TAIL = 12
_JUDGED = 256
_PEM = r"[A-Za-z0-9+/=:,. \t\r\n-]|\\+[nrt]"


class Rule(NamedTuple):
    """One shape of credential.

    Args:
        name: what it is, for tests and reports.
        anchors: expressions of fixed width, each with that width in bytes; a credential contains one of them.
        expression: the whole credential, from its first byte; if it has a group ``secret``, only that is masked.
        before: how many bytes at most the credential has before its anchor.
        caseless: whether anchors and expression ignore case.
        check: what else must hold of the masked bytes.
    """

    name: str
    anchors: tuple[tuple[str, int], ...]
    expression: bytes
    before: int = 0
    caseless: bool = False
    check: Callable[[bytes], bool] | None = None

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """The expression compiled, which all of them together would take a program's start for."""
        return _compiled(self.expression, re.IGNORECASE if self.caseless else 0)


@cache
def _compiled(expression: bytes, flags: int) -> re.Pattern[bytes]:
    return re.compile(expression, flags)


def looks_random(value: bytes) -> bool:
    """Whether a key's tail is no run of words: four digits or capitals, or twenty letters without a break.

    Example:
        >>> looks_random(b"learn-based-pipelines"), looks_random(b"test-SECRET-0123")
        (False, True)
    """
    return re.search(rb"(?:[0-9A-Z][^0-9A-Z]*){4}|[A-Za-z0-9]{20}", value) is not None


def _prefixed(name: str, prefixes: str, charset: str, least: int, *, random: bool = False) -> Rule:
    """The commonest shape: a literal prefix, then at least so many bytes of one class."""
    tail = min(least, _ANCHOR_TAIL)
    words = prefixes.split()
    anchors = tuple((f"{re.escape(word)}{charset}{{{tail}}}", len(word) + tail) for word in words)
    heads = "|".join(map(re.escape, words))
    pattern = f"{BORDER}(?:{heads}){charset}{{{least},{LONGEST}}}".encode()
    skip = min(map(len, words))
    return Rule(
        name, anchors, pattern, check=(lambda value: looks_random(value[skip : skip + _JUDGED])) if random else None
    )


def _shape(name: str, anchor: str, width: int, pattern: str, *, before: int = 0, caseless: bool = False) -> Rule:
    return Rule(name, ((anchor, width),), pattern.encode(), before, caseless)


def _scheme(name: str, least: str, more: str, check: Callable[[bytes], bool]) -> Rule:
    """An HTTP authentication scheme and its credential, as headers have it and as urls escape it."""
    size = int(least[least.index("{") + 1 : -1])
    anchors = tuple((f"{name}{space}{least}", len(name) + width + size) for space, width in (("[ +]", 1), ("%20", 3)))
    pattern = f"{BORDER}{name}(?:[ +]|%20)(?P<secret>{least}{more})".encode()
    return Rule(name, anchors, pattern, caseless=True, check=check)


def _is_basic(value: bytes) -> bool:
    """Whether this is ``user:password`` in base64, and not the next word of a sentence."""
    try:
        return b":" in base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _has_digit(value: bytes) -> bool:
    return re.search(rb"[0-9]|.{40}", value) is not None


RULES: tuple[Rule, ...] = (
    # Model providers and the tools around them; `sk-` is many of them: OpenAI, Anthropic, OpenRouter, DeepSeek, …
    _prefixed("openai and alike", "sk-", WORD, 16, random=True),
    _prefixed("langfuse public", "pk-lf-", WORD, 20),
    _prefixed("groq", "gsk_", ALNUM, 20),
    _prefixed("xai", "xai-", WORD, 20, random=True),
    _prefixed("hugging face", "hf_ api_org_", ALNUM, 30),
    _prefixed("google api key", "AIza", WORD, 30),
    _prefixed("google auth key", "AQ.Ab", WORD, 30),
    _prefixed("google oauth", "ya29.", DOTTED, 20),
    _prefixed("google client secret", "GOCSPX-", WORD, 20),
    _prefixed("perplexity", "pplx-", ALNUM, 32),
    _prefixed("replicate", "r8_", ALNUM, 30),
    _prefixed("fireworks", "fw_", ALNUM, 20, random=True),
    _prefixed("cerebras", "csk-", ALNUM, 32),
    _prefixed("nvidia", "nvapi-", WORD, 40),
    _prefixed("voyage", "pa- al-", WORD, 40, random=True),
    _prefixed("databricks", "dapi dose dkea", HEX, 32),
    _prefixed("together", "tgp_v1_", WORD, 30),
    _prefixed("langsmith", "lsv2_pt_ lsv2_sk_ ls__", "[A-Za-z0-9_]", 30),
    _prefixed("logfire", "pylf_v1_", "[A-Za-z0-9_]", 30),
    _prefixed("pinecone", "pcsk_", "[A-Za-z0-9_]", 30),
    _prefixed("tavily", "tvly-", WORD, 20, random=True),
    _prefixed("firecrawl", "fc-", HEX, 32),
    _prefixed("jina", "jina_", ALNUM, 40),
    _prefixed("elevenlabs", "sk_", HEX, 48),
    _prefixed("runpod", "rpa_", ALNUM, 30),
    _prefixed("e2b", "e2b_", HEX, 32),
    _prefixed("yandex", "AQVN", WORD, 35),
    _prefixed("bedrock", "ABSK bedrock-api-key-", BASE64, 60),
    # Clouds.
    _shape(
        "aws access key id",
        "A[KSBC][IC]A[A-Z0-9]{16}",
        20,
        f"{BORDER}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16,24}}(?![A-Za-z0-9])",
    ),
    _prefixed("alibaba", "LTAI", ALNUM, 16),
    _prefixed("tencent", "AKID", ALNUM, 32),
    _shape(
        "azure client secret",
        "[0-9]Q~[A-Za-z0-9_~.-]{12}",
        15,
        f"{BORDER}[A-Za-z0-9_~.]{{3}}[0-9]Q~[A-Za-z0-9_~.-]{{30,}}",
        before=3,
    ),
    _prefixed("digitalocean", "dop_v1_ doo_v1_ dor_v1_", HEX, 40),
    _prefixed("heroku", "HRKU-", WORD, 30),
    _prefixed("cloudflare origin", "v1.0-", "[0-9a-f-]", 60),
    _prefixed("fly.io", "fo1_ fm1a_ fm1r_ fm2_", BASE64, 40),
    _prefixed("netlify", "nfp_ nfc_ nfo_ nfu_", ALNUM, 30),
    _prefixed("render", "rnd_", ALNUM, 28),
    _prefixed("supabase", "sbp_ sb_secret_", WORD, 30, random=True),
    _prefixed("planetscale", "pscale_tkn_ pscale_oauth_ pscale_pw_", DOTTED, 32),
    _prefixed("pulumi", "pul-", HEX, 40),
    _shape(
        "terraform",
        r"\.atlasv1\.[A-Za-z0-9_=-]{12}",
        21,
        rf"{BORDER}[A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{50,}}",
        before=14,
    ),
    _prefixed("vault", "hvs. hvb. hvr.", WORD, 24),
    _prefixed("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", "[A-Za-z0-9._-]", 40),
    _prefixed("1password", "ops_eyJ", BASE64, 60),
    _prefixed("1password key", "A3-", "[A-Z0-9-]", 31),
    _prefixed("openshift", "sha256~", WORD, 43),
    # Forges.
    _prefixed("github", "ghp_ gho_ ghu_ ghs_ ghr_", ALNUM, 30),
    _prefixed("github fine-grained", "github_pat_", "[A-Za-z0-9_]", 36),
    _prefixed(
        "gitlab",
        "glpat- glptt- gldt- glcbt- glffct- glft- glimt- glagent- gloas- glrt- glrtr- glsoat- glwt- GR1348941",
        "[A-Za-z0-9_.-]",
        20,
    ),
    _prefixed("bitbucket and atlassian", "ATBB ATATT3 ATCTT3", "[A-Za-z0-9_=-]", 24),
    _prefixed("sourcegraph", "sgp_", "[A-Za-z0-9_]", 40),
    _prefixed("sonar", "squ_ sqp_ sqa_", HEX, 40),
    # Package registries.
    _prefixed("npm", "npm_", ALNUM, 30),
    _prefixed("pypi", "pypi-Ag", WORD, 40),
    _prefixed("rubygems", "rubygems_", HEX, 40),
    _prefixed("docker hub", "dckr_pat_ dckr_oat_", WORD, 20),
    _prefixed("crates.io", "cio", ALNUM, 32, random=True),
    _prefixed("nuget", "oy2", "[a-z0-9]", 43),
    _prefixed("artifactory", "AKCp cmVmdGtu", ALNUM, 56),
    _prefixed("clojars", "CLOJARS_", "[a-z0-9]", 50),
    # Chat.
    _prefixed(
        "slack",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxc- xoxd- xoxe- xoxe.xoxb- xoxe.xoxp- xapp-",
        "[A-Za-z0-9%-]",
        10,
    ),
    _shape(
        "slack webhook",
        "hooks[.]slack[.]com/[a-z]{8}",
        24,
        r"hooks\.slack\.com/[a-z]{8,9}/(?P<secret>[A-Za-z0-9+/_-]{16,})",
    ),
    _shape(
        "discord webhook", "/api/webhooks/[0-9]{12}", 26, r"/api/webhooks/[0-9]{12,20}/(?P<secret>[A-Za-z0-9_-]{30,})"
    ),
    _shape(
        "teams webhook",
        "webhook[.]office[.]com/webhookb2/",
        29,
        r"webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@/-]{30,})",
    ),
    _shape(
        "discord bot",
        r"[MNO][A-Za-z0-9_-]{23}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{12}",
        44,
        rf"{BORDER}[MNO][A-Za-z0-9_-]{{23,27}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,}}",
        before=4,
    ),
    _shape(
        "telegram bot",
        "[0-9]{6}:AA[A-Za-z0-9_-]{12}",
        21,
        rf"{BORDER}(?:bot)?[0-9]{{6,12}}:AA[A-Za-z0-9_-]{{30,}}",
        before=9,
    ),
    # Mail.
    _shape("sendgrid", r"SG\.[A-Za-z0-9_-]{16}", 19, rf"{BORDER}SG\.[A-Za-z0-9_-]{{16,}}\.[A-Za-z0-9_-]{{16,}}"),
    _prefixed("mailgun", "key- pubkey-", HEX, 32),
    _shape("mailchimp", "[0-9a-f]{8}-us[0-9]", 12, f"{BORDER}[0-9a-f]{{32}}-us[0-9]{{1,2}}", before=24),
    _prefixed("brevo", "xkeysib- xsmtpsib-", "[A-Za-z0-9-]", 60),
    _shape("resend", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{16}", 28, f"{BORDER}re_[A-Za-z0-9]{{8}}_[A-Za-z0-9]{{16,}}"),
    # Payment.
    _prefixed("stripe", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", ALNUM, 10),
    _prefixed("webhook secret", "whsec_", "[A-Za-z0-9+/=]", 24),
    _prefixed("square", "sq0atp- sq0csp-", WORD, 22),
    _prefixed("square access token", "EAAA", WORD, 50),
    _shape(
        "braintree", r"access_token\$[a-z]{7}", 20, r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"
    ),
    _prefixed("razorpay", "rzp_live_ rzp_test_", ALNUM, 14),
    _prefixed("shopify", "shpat_ shpca_ shppa_ shpss_ shptka_", HEX, 32),
    _prefixed("plaid", "access-sandbox- access-development- access-production-", "[0-9a-f-]", 36),
    _prefixed("flutterwave", "FLWSECK- FLWSECK_TEST-", "[A-Za-z0-9-]", 12),
    _prefixed("easypost", "EZAK EZTK", ALNUM, 50),
    _prefixed("shippo", "shippo_live_ shippo_test_", HEX, 40),
    # Observability.
    _prefixed("new relic", "NRAK- NRJS- NRII- NRIQ- NRAA-", "[A-Za-z0-9_-]", 19),
    _prefixed("grafana", "glc_ glsa_", BASE64, 32),
    _prefixed("grafana legacy", "eyJrIjoi", BASE64, 60),
    _prefixed("sentry", "sntrys_ sntryu_", BASE64, 40),
    _shape(
        "dynatrace",
        r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}",
        31,
        rf"{BORDER}dt0[a-z][0-9]{{2}}\.[A-Z0-9]{{24}}\.[A-Z0-9]{{60,}}",
    ),
    _prefixed("honeycomb", "hcaik_ hcxik_ hcamk_", ALNUM, 32),
    _prefixed("posthog", "phx_ phs_", ALNUM, 32),
    # Everything else that has a name of its own.
    _prefixed("linear", "lin_api_ lin_oauth_", ALNUM, 32),
    _prefixed("notion", "ntn_ secret_", ALNUM, 40),
    _prefixed("figma", "figd_ figdr_ figu_ figor_ figo_", WORD, 36),
    _prefixed("postman", "PMAK-", "[0-9a-f-]", 50),
    _shape("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{16}", 34, rf"{BORDER}pat[A-Za-z0-9]{{14}}\.[0-9a-f]{{64}}"),
    _prefixed("hubspot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", "[0-9a-f-]", 36),
    _prefixed("twilio", "SK", "[0-9a-f]", 32),
    _prefixed("dropbox", "sl.", WORD, 100),
    _prefixed("contentful", "CFPAT-", WORD, 40),
    _prefixed("mapbox", "sk.eyJ", "[A-Za-z0-9_.-]", 60),
    _prefixed("typeform", "tfp_", DOTTED, 40),
    _prefixed("readme", "rdme_", "[a-z0-9]", 60),
    _prefixed("prefect", "pnu_ pnb_", ALNUM, 36),
    _prefixed("facebook", "EAAM EAAC EAAG EAAB", ALNUM, 90),
    _prefixed("octopus deploy", "API-", UPPER, 26),
    _prefixed("frame.io", "fio-u-", WORD, 60),
    _prefixed("duffel", "duffel_test_ duffel_live_", WORD, 40),
    _prefixed("infracost", "ico-", ALNUM, 32),
    # Kinds rather than services.
    _shape(
        "jwt",
        "eyJ[A-Za-z0-9_-]{12}",
        15,
        rf"{BORDER}eyJ[A-Za-z0-9_-]{{12,{LONGEST}}}\.[A-Za-z0-9_-]{{8,}}\.(?:[A-Za-z0-9_.-]+)?",
    ),
    _prefixed("age", "AGE-SECRET-KEY-1", UPPER, 40),
    _shape(
        "private key",
        "PRIVATE KEY",
        11,
        r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----"
        rf"(?P<secret>(?:{_PEM})*?)(?:-----END|(?!{_PEM}))",
        before=71,
    ),
    _scheme("bearer", "[A-Za-z0-9._~+/=:|-]{8}", "[A-Za-z0-9._~+/=:|-]{0,16384}", _has_digit),
    _scheme("basic", "[A-Za-z0-9+/_-]{4}", "[A-Za-z0-9+/_-]{0,2048}={0,2}", _is_basic),
)
