"""The Pulumi classes, a file a domain: the only folder that knows Pulumi."""

from .addons import Chart as Chart
from .component import Component as Component
from .gpu import ComputeClass as ComputeClass
from .gpu import GkeCluster as GkeCluster
from .gpu import GpuNodePool as GpuNodePool
from .monitoring import DcgmExporter as DcgmExporter
from .monitoring import Prometheus as Prometheus
from .rollout import AbTest as AbTest
from .rollout import BlueGreen as BlueGreen
from .rollout import Canary as Canary
from .scaling import Autoscaler as Autoscaler
from .serving import ModelServer as ModelServer
from .tenancy import Namespace as Namespace
from .tenancy import PriorityClass as PriorityClass
from .traffic import VirtualService as VirtualService
