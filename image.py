"""What the container image needs beyond bentofile.yaml: a way to install Python into a base that has none."""

from bentoml.images import Image

UV = "0.13.9"

INSTALL_UV = f"""\
apt-get update && \
apt-get install -q -y --no-install-recommends ca-certificates python3-venv && \
python3 -m venv /tmp/uv && \
/tmp/uv/bin/pip install -q --no-cache-dir uv=={UV} && \
mv /tmp/uv/bin/uv /usr/local/bin/ && \
apt-get purge -q -y --auto-remove python3-venv && \
rm -rf /tmp/uv /var/lib/apt/lists/* /var/cache/apt/* /var/log/*"""

# BentoML makes these where it finds them missing, which a read-only root filesystem does not let it.
MAKE_FOLDERS = """\
mkdir -p /home/bentoml/bentos /home/bentoml/models /home/bentoml/envs /home/bentoml/tmp /var/lib/xtts && \
chown bentoml:bentoml /var/lib/xtts"""


def image() -> Image:
    """`distro="none"` keeps out the compilers that BentoML installs on the distributions it knows (600 MB)."""
    return (
        Image(base_image="the one in bentofile.yaml", distro="none")
        .run(INSTALL_UV)
        .run(MAKE_FOLDERS)
        .build_include("requirements-not-in-image.txt")
    )
