# The worker's image, which is also that of the MLflow and Prefect servers in compose.yaml.
#
# Code comes from the workspace mounted at /work where there is one, so that a run uses the revision it is a run of; the
# image brings the packages, and the same code for where nothing is mounted. --build-arg PIP_ARGS="…" is given to pip,
# e.g. to choose an index with another build of torch.
FROM python:3.11-slim-bookworm

# The lists of packages stay: the demo's corpus is a Debian package, which an ordinary user must be able to download.
# hadolint ignore=DL3008,DL3009
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg git openssh-client tini

ARG PIP_ARGS=""
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# Packages first, so that a changed line of code does not install them again.
WORKDIR /opt/voiceloom
COPY pyproject.toml constraints.txt LICENSE README.md ./
COPY model_src/pyproject.toml model_src/
RUN mkdir -p flows tasks model_src/voiceloom_model \
    && touch flows/__init__.py tasks/__init__.py model_src/voiceloom_model/__init__.py \
    && pip install ${PIP_ARGS} -c constraints.txt -e './model_src[train,languages,serve]' -e '.[dask,remotes,services]' \
    && pip install ${PIP_ARGS} -c constraints.txt --no-deps Resemblyzer

COPY . .
ENV PYTHONPATH=/work:/work/model_src \
    PYTHONUNBUFFERED=1 \
    HOME=/home/voiceloom

# Whoever owns the workspace runs the worker (compose.yaml: WORKER_USER), so its home is everybody's.
RUN mkdir -m 1777 /work /artifacts ${HOME} \
    && git config --system --add safe.directory '*'
USER 1000:1000
WORKDIR /work

ENTRYPOINT ["tini", "--"]
CMD ["voiceloom", "worker"]
