"""The log: typed client settings, the consumer, the transactional outbox, dead letters, the embedded broker, and who may read.

Everything that enters or leaves splanc in a stream passes here; nothing else imports a Kafka library.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._errors import Fenced, Rebalanced, TransactionAborted
    from ._jars import fetch_jars
    from ._records import Record
    from ._users import with_credentials
    from .access import Access, AccessChanges, TopicReaders
    from .broker import BrokerStatus, EmbeddedBroker
    from .client import (
        MAX_MESSAGE_BYTES,
        GroupMember,
        TopicSpec,
        bootstrap_servers,
        client_config,
        committed_offsets,
        create_topics,
        end_offsets,
        ensure_topics,
        group_members,
        is_pattern,
        oldest_offsets,
        splanc_topics,
    )
    from .consumer import NODE_ENVIRONMENT, Consumer
    from .deadletters import DeadLetter, DeadLetters, dead_letters, list_deadletters, replay_deadletters
    from .keeper import Keeper
    from .outbox import Outbox, Transaction
    from .reader import read_topic
    from .reporter import Reporter
    from .shared_log import SharedLog
    from .tap import Tap
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "MAX_MESSAGE_BYTES",
    "NODE_ENVIRONMENT",
    "Access",
    "AccessChanges",
    "BrokerStatus",
    "Consumer",
    "DeadLetter",
    "DeadLetters",
    "EmbeddedBroker",
    "Fenced",
    "GroupMember",
    "Keeper",
    "Outbox",
    "Rebalanced",
    "Record",
    "Reporter",
    "SharedLog",
    "Tap",
    "TopicReaders",
    "TopicSpec",
    "Transaction",
    "TransactionAborted",
    "bootstrap_servers",
    "client_config",
    "committed_offsets",
    "create_topics",
    "dead_letters",
    "end_offsets",
    "ensure_topics",
    "fetch_jars",
    "group_members",
    "is_pattern",
    "list_deadletters",
    "oldest_offsets",
    "read_topic",
    "replay_deadletters",
    "splanc_topics",
    "with_credentials",
]
