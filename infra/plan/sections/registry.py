"""Every section of a stack, in the order in which their parts are made: foundations first.

To add a section, write its file, name it here, and give its settings a field in `Environment`. The order in which
sections are planned is nobody's list: each asks for the parts it needs.
"""

from __future__ import annotations

from .addons import ADDONS
from .cluster import CLUSTER
from .compute_classes import COMPUTE_CLASSES
from .models import MODELS
from .namespaces import NAMESPACES
from .node_pools import NODE_POOLS
from .observability import OBSERVABILITY
from .policy import POLICY
from .priority_classes import PRIORITY_CLASSES
from .section import Section
from .traffic import TRAFFIC

SECTIONS: tuple[Section, ...] = (
    CLUSTER,
    NAMESPACES,
    PRIORITY_CLASSES,
    NODE_POOLS,
    COMPUTE_CLASSES,
    ADDONS,
    OBSERVABILITY,
    MODELS,
    TRAFFIC,
    POLICY,
)
