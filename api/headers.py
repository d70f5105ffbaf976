"""The headers that stand on every answer, whoever makes it."""

from __future__ import annotations

from typing import Final

# Answers are data, never pages: nothing in them may run, be framed, be kept or be read by another site. The page of the
# manual has a policy of its own (house.py). No CORS header stands anywhere: no other site's script may read an answer.
ALWAYS: Final = {
    "Cache-Control": "no-store",  # answers hold personal data unless they say otherwise
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
BY_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000"}
