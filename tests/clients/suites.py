"""The one list of suites. What fails is told by the field or path that the app refuses, or by what the client itself does not take."""

from __future__ import annotations

from tests.clients.suite import Failing, Suite

_OPENAI = {"TEST_API_BASE_URL": "{url}/v1"}
_LANGCHAIN = {"OPENAI_API_BASE": "{url}/v1", "OPENAI_API_KEY": "unused"}
# langchain keeps its connections from test to test, so that these need one event loop.
_ONE_LOOP = ("-o", "asyncio_default_test_loop_scope=session", "-o", "asyncio_default_fixture_loop_scope=session")

_CALLED = "test_(method|raw_response|streaming_response)"  # how openai's own tests call a method
_STORED = "the app keeps no conversations"
_BASE64 = Failing(
    named=rf"Embeddings::{_CALLED}_create\[(strict|aiohttp)\]",
    says="Input should be a valid list",
    why="the client asks for base64 of its own accord, and takes numbers alone where it is strict: so with OpenAI too",
)

SUITES: dict[str, Suite] = {
    "openai": Suite(
        library="openai",
        tests=(
            "tests/api_resources/chat/test_completions.py",
            "tests/api_resources/test_completions.py",
            "tests/api_resources/test_embeddings.py",
            "tests/api_resources/test_models.py",
        ),
        adapter="openai",
        models=("gpt-6-astra", "gpt-3.5-turbo-instruct", "text-embedding-3-small"),
        environment=_OPENAI,
        passing=126,
        failing=(
            _BASE64,
            Failing(
                named=rf"chat\.test_completions\..*::{_CALLED}_(retrieve|update|delete)",
                says="there is no /v1/chat/completions/completion_id here",
                why=_STORED,
            ),
            Failing(
                named=rf"chat\.test_completions\..*::{_CALLED}_list",
                says="/v1/chat/completions does not take GET",
                why=_STORED,
            ),
            Failing(
                named=rf"test_models\..*::{_CALLED}_delete",
                says="does not take DELETE",
                why="models are those of the routes file",
            ),
            Failing(
                named=r"chat\.test_completions\..*_create_with_all_params",
                says="max_tokens: expected at least 1",
                why="a limit of 0 asks for no answer; test_openai_fields goes through the fields one by one",
            ),
            Failing(
                named=r"resources\.test_completions\..*_create_with_all_params",
                says="best_of: expected 'int' >= 1",
                why="the best of 0 answers is none",
            ),
        ),
    ),
    "openai, embedded": Suite(
        library="openai",
        tests=("tests/api_resources/test_embeddings.py",),
        adapter="embedded",
        models=("text-embedding-3-small",),
        environment=_OPENAI,
        passing=6,
        failing=(
            _BASE64,
            Failing(
                named="_create_with_all_params",
                says="does not take 'dimensions'",
                why="llama.cpp gives every embedding all its dimensions",
            ),
        ),
    ),
    # All of it fails, so that whoever adds Anthropic's API is told to empty this table.
    "anthropic": Suite(
        library="anthropic",
        tests=("tests/api_resources/test_messages.py",),
        adapter="openai",
        models=("claude-opus-5-5",),
        environment={"TEST_API_BASE_URL": "{url}"},
        passing=0,
        failing=(Failing(named="", says="there is no /v1/messages", why="the app does not speak Anthropic's API yet"),),
    ),
    "langchain-openai": Suite(
        library="langchain-openai",
        tests=("tests/integration_tests/chat_models/test_base.py",),
        options=_ONE_LOOP,
        adapter="openai",
        models=("gpt-4o-mini", "gpt-4.1-mini", "gpt-5-nano", "gpt-6-luna", "gpt-audio", "o4-mini"),
        environment=_LANGCHAIN,
        passing=56,
        left_out={"image_token_counting": "an image of another host, and a tokenizer"},
        failing=(
            Failing(
                named=r"(\[|-)True\]|flex_usage_responses|explicit_prompt_cache",
                says="there is no /v1/responses here",
                why="the app does not speak OpenAI's Responses API",
            ),
            Failing(
                named=r"test_openai_invoke$|test_base::test_stream$",
                says="does not take 'service_tier'",
                why="another tier has another price",
            ),
            Failing(named="test_audio_", says="does not take 'audio'", why="no price is known for speech"),
        ),
    ),
    "langchain's standard tests": Suite(
        library="langchain-openai",
        tests=("tests/langchain_standard.py",),
        options=_ONE_LOOP,
        adapter="openai",
        models=("gpt-4o-mini",),
        environment={**_LANGCHAIN, "STANDARD_MODEL": "gpt-4o-mini", "STANDARD_SIZE": "large"},
        passing=43,
    ),
    "langchain's standard tests, embedded": Suite(
        library="langchain-openai",
        tests=("tests/langchain_standard.py",),
        options=_ONE_LOOP,
        adapter="embedded",
        models=("smollm2-135m-instruct",),
        environment={**_LANGCHAIN, "STANDARD_MODEL": "smollm2-135m-instruct", "STANDARD_SIZE": "small"},
        passing=21,
    ),
    "strands-agents": Suite(
        library="strands-agents",
        tests=("tests_integ/models/test_model_llamacpp.py",),
        options=("-o", "asyncio_mode=auto"),
        adapter="llama_cpp",
        models=("default",),
        environment={"LLAMACPP_TEST_URL": "{url}", "LLAMACPP_SKIP_TESTS": "false", "AWS_EC2_METADATA_DISABLED": "true"},
        passing=9,
        failing=(
            Failing(
                named="structured_output$|_constraint$",
                says="400 Bad Request",
                why="llama.cpp's json_schema and grammar are refused: a grammar can occupy the server for minutes",
            ),
            Failing(
                named="advanced_sampling_params$|mirostat_sampling$",
                says="400 Bad Request",
                why="of llama.cpp's own fields of sampling only those on the adapter's list are taken",
            ),
            Failing(
                named="test_cache_",
                says="400 Bad Request",
                why="cache_prompt is not on the adapter's list",
            ),
        ),
    ),
}
