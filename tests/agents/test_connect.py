@pytest.mark.slow
def test_the_embedded_model_needs_no_download_and_answers_in_the_format_of_its_prompt() -> None:
    with connect("embedded+transformers", sampling=Sampling(temperature=0, max_tokens=64)) as model:
        answer = model.invoke(Prompt.load("solver").render(problem="Compute 3+4-2."))
        assert str(embedded_directory()) in model.engine.name
    assert str(answer.content).splitlines()[-1].startswith("answer: ")
