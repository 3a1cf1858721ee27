"""Kubernetes kinds by what they do."""

from __future__ import annotations

DEPLOYMENT = "Deployment"
STATEFUL_SET = "StatefulSet"
LEADER_WORKER_SET = "LeaderWorkerSet"
DAEMON_SET = "DaemonSet"
JOB = "Job"
CRON_JOB = "CronJob"
HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
SCALED_OBJECT = "ScaledObject"
VIRTUAL_SERVICE = "VirtualService"
HTTP_ROUTE = "HTTPRoute"

SERVERS = (DEPLOYMENT, STATEFUL_SET, LEADER_WORKER_SET)
"""Kinds whose pods are there until somebody scales them away."""
LASTING = (*SERVERS, DAEMON_SET)
"""Kinds whose pods run on."""
ENDING = (JOB, CRON_JOB)
"""Kinds whose pods end by themselves."""
CONTROLLERS = (*LASTING, *ENDING)
"""Kinds that make pods."""
SCALERS = (HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT)
"""Kinds that set how many replicas another object has."""
ROUTES = (VIRTUAL_SERVICE, HTTP_ROUTE)
"""Kinds that lead requests to Services."""
