"""A JupyterHub whose users each see their GPUs: what jupyter-gpumon needs, and nothing else.

    pip install jupyterhub jupyter-gpumon[lab] && npm install -g configurable-http-proxy
    jupyterhub -f jupyterhub_config.py

This one is for a look on one machine: dummy passwords, servers as plain processes, loopback only.
"""

c = get_config()  # noqa: F821

c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.Authenticator.allow_all = True

# The only thing to pass on: which GPUs a user may see, and where samples come from (leave it out on a GPU machine).
c.Spawner.environment = {"GPUMON_SOURCE": "sim:gpus=2&script=notebook"}
c.Spawner.default_url = "/lab"
