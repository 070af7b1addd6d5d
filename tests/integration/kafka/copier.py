"""A node that copies the input to the lite topic, and kills itself at a given step of its third transaction."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
from confluent_kafka import TopicPartition

from splanc.config import Settings
from splanc.kafka import Consumer, Outbox, Rebalanced, committed_offsets, end_offsets
from splanc.packet import Messages, Partition


def main(settings: Settings, last_step: str) -> None:
    outbox = Outbox(settings, "copier")
    consumer = Consumer(settings, "copier", on_assign=lambda _: None, on_revoke=lambda _: None)
    transactions = 0
    while not is_all_copied(settings):
        try:
            for messages in consumer.collect():
                transactions += 1
                copy(settings, consumer, outbox, messages, last_step if transactions == 3 else "never")
        except Rebalanced:
            continue
    consumer.close()
    outbox.close()


def is_all_copied(settings: Settings) -> bool:
    ends = end_offsets(settings.kafka, settings.kafka.input_topics)
    return committed_offsets(settings.kafka, settings.kafka.group, ends) == ends


def copy(settings: Settings, consumer: Consumer, outbox: Outbox, messages: Messages, last_step: str) -> None:
    next_offsets = {
        Partition(settings.kafka.input_topics[0], int(number)): int(messages.offsets[messages.partitions == number].max()) + 1
        for number in np.unique(messages.partitions)
    }
    with outbox.transaction() as transaction:
        transaction.send(settings.kafka.lite_topic, messages.values)
        outbox._producer.flush()
        die_at("begun", last_step)
        if last_step == "sent":
            places = [TopicPartition(*partition, offset) for partition, offset in next_offsets.items()]
            outbox._producer.send_offsets_to_transaction(places, consumer.group_metadata())
        die_at("sent", last_step)
        transaction.commit(next_offsets, consumer.group_metadata())
    die_at("committed", last_step)


def die_at(step: str, last_step: str) -> None:
    if step == last_step:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Settings.model_validate_json(sys.argv[1]), sys.argv[2])
