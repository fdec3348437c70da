"""Speaking over HTTP, in the shape of OpenAI's speech API: the extra `voiceloom-model[serve]`.

`python -m voiceloom_model.serve --voice FOLDER` or `voiceloom serve`; the pieces are `app.create_app` (ASGI) and
`server.serve` (a listening process).
"""
