/* A plugin of librdkafka: many records in one call, on a producer that somebody else has made.

   What it takes of librdkafka it is told by `bridge_use`, so that it is compiled without its headers, and used with
   whichever library confluent-kafka brought. Its structures and signatures are those of rdkafka.h since 1.0. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))

typedef struct rd_kafka_s client;
typedef struct rd_kafka_conf_s configuration;
typedef struct rd_kafka_topic_s topic;

typedef struct { /* rd_kafka_message_t */
    int error;
    topic *to;
    int32_t partition;
    void *value;
    size_t value_size;
    void *key;
    size_t key_size;
    int64_t offset;
    void *private;
} message;

typedef int on_new(client *, const configuration *, void *, char *, size_t);
typedef int on_acknowledgement(client *, message *, void *);

enum { ANY_PARTITION = -1, COPY = 2, PURGED_IN_QUEUE = -152, PURGED_IN_FLIGHT = -151, CHUNK = 512, NAME = 256 };

static struct {
    int (*add_on_new)(configuration *, const char *, on_new *, void *);
    int (*add_on_acknowledgement)(client *, const char *, on_acknowledgement *, void *);
    topic *(*topic_new)(client *, const char *, void *);
    void (*topic_destroy)(topic *);
    const char *(*topic_name)(const topic *);
    int (*produce_batch)(topic *, int32_t, int, message *, int);
} kafka;

typedef struct {
    client *client;
    char name[NAME];  /* of the topic of the first record that failed; whole before `error` is set */
    atomic_flag failing;
    atomic_int error;
} producer;

static _Thread_local producer *latest;

SHOWN void bridge_use(void *add_on_new, void *add_on_acknowledgement, void *topic_new, void *topic_destroy,
                      void *topic_name, void *produce_batch) {
    kafka.add_on_new = (int (*)(configuration *, const char *, on_new *, void *))add_on_new;
    kafka.add_on_acknowledgement =
        (int (*)(client *, const char *, on_acknowledgement *, void *))add_on_acknowledgement;
    kafka.topic_new = (topic * (*)(client *, const char *, void *)) topic_new;
    kafka.topic_destroy = (void (*)(topic *))topic_destroy;
    kafka.topic_name = (const char *(*)(const topic *))topic_name;
    kafka.produce_batch = (int (*)(topic *, int32_t, int, message *, int))produce_batch;
}

/* Called by threads of librdkafka, for every record: those sent here have no callback of Python's to tell of it. */
static int acknowledged(client *of, message *record, void *opaque) {
    producer *self = opaque;
    (void)of;
    if (!record->error || record->error == PURGED_IN_QUEUE || record->error == PURGED_IN_FLIGHT) {
        return 0;
    }
    if (!atomic_flag_test_and_set(&self->failing)) {
        if (record->to) {
            strncpy(self->name, kafka.topic_name(record->to), NAME - 1);
        }
        atomic_store(&self->error, record->error);
    }
    return 0;
}

/* Never freed: threads of a producer may tell of records after it has ended for those who used it. */
static int made(client *of, const configuration *conf, void *opaque, char *text, size_t size) {
    (void)conf, (void)opaque, (void)text, (void)size;
    latest = NULL; /* one that nobody asked for may have ended */
    producer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return 0; /* then records go the other way */
    }
    self->client = of;
    if (kafka.add_on_acknowledgement(of, "legacy-bridge", acknowledged, self) == 0) {
        latest = self;
    }
    return 0;
}

/* Librdkafka calls it when a configuration names this library. */
SHOWN int conf_init(configuration *conf, void **opaque, char *text, size_t size) {
    (void)opaque, (void)text, (void)size;
    return kafka.add_on_new ? kafka.add_on_new(conf, "legacy-bridge", made, NULL) : 0;
}

/* What this thread has made since it asked last. */
SHOWN producer *bridge_made(void) {
    producer *self = latest;
    latest = NULL;
    return self;
}

SHOWN topic *bridge_topic(producer *self, const char *name) {
    return kafka.topic_new(self->client, name, NULL);
}

SHOWN void bridge_topic_destroy(topic *of) {
    kafka.topic_destroy(of);
}

/* The error of the first record that was not delivered, and its topic; from then on, of the next. 0: there is none. */
SHOWN int bridge_failure(producer *self, char *name) {
    int error = atomic_exchange(&self->error, 0);
    if (error) {
        memcpy(name, self->name, NAME);
        atomic_flag_clear(&self->failing);
    }
    return error;
}

/* Queue records from place `first` on, in order; returns how many were taken, and why no more. When librdkafka has no
   room for one it takes none of those behind it, either; after any other error the transaction cannot be committed. */
SHOWN int64_t bridge_send(topic *to, const char *keys, const int64_t *key_ends, const char *values,
                          const int64_t *value_ends, int64_t first, int64_t count, int *error) {
    message chunk[CHUNK];
    int64_t done = first;
    *error = 0;
    while (done < count && !*error) {
        int size = count - done < CHUNK ? (int)(count - done) : CHUNK;
        memset(chunk, 0, sizeof *chunk * (size_t)size);
        for (int i = 0; i < size; i++) {
            int64_t at = done + i;
            chunk[i].to = to; /* for those who are told of one that has no partition */
            chunk[i].value = (void *)(values + value_ends[at]);
            chunk[i].value_size = (size_t)(value_ends[at + 1] - value_ends[at]);
            chunk[i].key = (void *)(keys + key_ends[at]);
            chunk[i].key_size = (size_t)(key_ends[at + 1] - key_ends[at]);
        }
        int taken = kafka.produce_batch(to, ANY_PARTITION, COPY, chunk, size);
        for (int i = 0; taken < size && !*error; i++) {
            *error = chunk[i].error;
        }
        done += taken;
    }
    return done - first;
}
