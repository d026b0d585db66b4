"""Verifies deliveries with PyPI's standardwebhooks: a JSON line {secret, headers, body} in, {type} or {refused} out."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    question = json.loads(line)
    try:
        event = Webhook(question["secret"]).verify(question["body"], question["headers"])
        answer = {"type": event["type"]}
    except WebhookVerificationError as problem:
        answer = {"refused": str(problem)}
    print(json.dumps(answer), flush=True)
