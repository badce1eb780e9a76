# A Kafka broker's image with the folders of Apache's own, from Debian's Java and the files that
# cloud/deploy/kafka/broker.sh has fetched and checked; for machines without a registry.
ARG BASE
FROM ${BASE} AS root
ARG TARGETARCH
COPY image/root.sh /build/
RUN /build/root.sh /root-fs "$TARGETARCH" default-jre-headless && \
    ln -s "/$(cd /root-fs && ls -d usr/lib/jvm/java-*-openjdk-*/bin/java | head -n 1)" /root-fs/usr/bin/java && \
    install -d -o 1000 -g 1000 /root-fs/var/lib/kafka

FROM scratch
COPY --from=root /root-fs /
COPY lib /opt/kafka/libs
USER 1000:1000
ENTRYPOINT ["java"]
