import asyncio
import base64
import json
import pathlib
import re
import unittest
import uuid

import httpx

from zen_agent import Credentials, Signed, Signing, read_secret

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "contracts" / "signature-vectors.json"
SECRET = "whsec_" + base64.b64encode(bytes([7] * 32)).decode()
CREDENTIALS = Credentials("acme", "a.b.c", "key-1", read_secret(SECRET))
URL = "https://agent/v0/events?a=b c"


def busy(status, wait):
    return httpx.Response(status, headers={"Retry-After": wait}, text="busy")


class Agent:
    """Answers one request after the other as told, and keeps the ids of what was sent."""

    def __init__(self, *answers):
        self.answers, self.ids = list(answers), []

    def __call__(self, request):
        headers = request.headers
        timestamp = int(re.match("t=([0-9]+),", headers["X-Signature"])[1])
        request_id = headers["X-Request-Id"]
        it = Signed(timestamp, "POST", "/v0/events?a=b%20c", "v0", "acme", request_id, request.content)
        assert headers["X-Signature"] == it.signature(CREDENTIALS.secret, "key-1")
        assert headers["Authorization"] == "Bearer a.b.c"
        self.ids.append(request_id)
        return self.answers.pop(0)

    def ask(self, **headers):
        with httpx.Client(auth=Signing(CREDENTIALS), transport=httpx.MockTransport(self)) as client:
            return client.post(URL, content=b"{}", headers=headers)

    async def ask_async(self):
        async with httpx.AsyncClient(auth=Signing(CREDENTIALS), transport=httpx.MockTransport(self)) as client:
            return await client.post(URL, content=b"{}")


class TestSigning(unittest.TestCase):
    def test_signatures_are_those_of_the_vectors(self):
        valid = json.loads(VECTORS.read_text(encoding="utf-8"))["valid"]
        self.assertGreaterEqual(len(valid), 9)
        for vector in valid:
            body = base64.b64decode(vector["body_base64"])
            names = ["timestamp", "method", "path", "version", "tenant", "request_id"]
            it = Signed(*(vector[name] for name in names), body)
            self.assertEqual(it.base_string(), vector["base_string"], vector["name"])
            secret = read_secret(vector["secret"])
            self.assertEqual(it.signature(secret, vector["kid"]), vector["header"], vector["name"])

    def test_a_secret_has_its_prefix_and_32_bytes(self):
        self.assertEqual(len(read_secret(SECRET + "\n")), 32)
        for text in [SECRET.removeprefix("whsec_"), "whsec_***", "whsec_" + base64.b64encode(bytes(31)).decode()]:
            with self.assertRaisesRegex(ValueError, "whsec_"):
                read_secret(text)

    def test_a_request_that_is_to_be_sent_again_is_with_the_same_id(self):
        for ask in [Agent.ask, lambda agent: asyncio.run(agent.ask_async())]:
            agent = Agent(busy(503, "0"), busy(429, "0"), httpx.Response(202))
            self.assertEqual(ask(agent).status_code, 202)
            self.assertEqual(len(agent.ids), 3)
            self.assertEqual(len(set(agent.ids)), 1)
            uuid.UUID(agent.ids[0])

    def test_a_callers_id_is_kept(self):
        agent = Agent(httpx.Response(202))
        agent.ask(**{"X-Request-Id": "mine"})
        self.assertEqual(agent.ids, ["mine"])

    def test_patience_ends_after_four_tries_a_long_wait_or_an_answer_for_good(self):
        for ask in [Agent.ask, lambda agent: asyncio.run(agent.ask_async())]:
            agent = Agent(*(busy(503, "0") for _ in range(4)))
            self.assertEqual((ask(agent).status_code, len(agent.ids)), (503, 4))
            for last in [busy(503, "3600"), busy(503, "soon"), busy(409, "0"), httpx.Response(500)]:
                agent = Agent(last)
                self.assertEqual((ask(agent).status_code, len(agent.ids)), (last.status_code, 1))

    def test_nothing_secret_is_printed(self):
        self.assertEqual(repr(CREDENTIALS), "Credentials(tenant='acme')")


if __name__ == "__main__":
    unittest.main()
