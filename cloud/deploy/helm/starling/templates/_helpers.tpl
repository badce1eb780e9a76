{{- define "starling.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "starling.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "starling.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "starling.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Of pods, and what selects them: (dict "root" $ "part" "gateway"). */ -}}
{{- define "starling.selector" -}}
app.kubernetes.io/name: {{ include "starling.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "starling.labels" -}}
{{ include "starling.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "starling.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "starling.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "starling.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Where pods go, and by which account: (dict "root" $ "part" "gateway"). */ -}}
{{- define "starling.placement" -}}
serviceAccountName: {{ include "starling.fullname" .root }}-{{ .part }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ .root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "starling.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "starling.selector" . | nindent 8 }}
{{- end -}}

{{- define "starling.console.args" -}}
- --http=0.0.0.0:{{ .Values.console.port }}
{{- if .Values.console.tokensSecret }}
- --http-tokens=/etc/starling/access/tokens
{{- end }}
{{- if .Values.console.tlsSecret }}
- --http-cert=/etc/starling/console/tls.crt
- --http-key=/etc/starling/console/tls.key
{{- end }}
{{- range .Values.console.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "starling.console.mounts" -}}
{{- if .Values.console.tokensSecret }}
- {name: access, mountPath: /etc/starling/access, readOnly: true}
{{- end }}
{{- if .Values.console.tlsSecret }}
- {name: console, mountPath: /etc/starling/console, readOnly: true}
{{- end }}
{{- end -}}

{{- define "starling.console.volumes" -}}
{{- with .Values.console.tokensSecret }}
- name: access
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.console.tlsSecret }}
- name: console
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- /* healthz: the process answers.  readyz: certificates valid, log reachable, regions owned or stood by for, not draining. */ -}}
{{- define "starling.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: console{{ if .Values.console.tlsSecret }}, scheme: HTTPS{{ end }}}
  periodSeconds: 2
  failureThreshold: 300
livenessProbe:
  httpGet: {path: /healthz, port: console{{ if .Values.console.tlsSecret }}, scheme: HTTPS{{ end }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: console{{ if .Values.console.tlsSecret }}, scheme: HTTPS{{ end }}}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 1
{{- end -}}

{{- /* Objects of a service account without rights: nothing is mounted, nothing is bound. */ -}}
{{- define "starling.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "starling.fullname" .root }}-{{ .part }}
  labels: {{- include "starling.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end -}}

{{- define "starling.kafka.bootstrap" -}}
{{- if .Values.kafka.strimzi.enabled -}}
{{ include "starling.fullname" . }}-kafka-bootstrap:9093
{{- else if .Values.kafka.broker.enabled -}}
{{ include "starling.fullname" . }}-broker:9092
{{- else -}}
{{ required "kafka.bootstrap: where the brokers are, or switch on kafka.strimzi or kafka.broker" .Values.kafka.bootstrap }}
{{- end -}}
{{- end -}}

{{- /* The secret with client.properties of a role, empty if there is none: (dict "root" $ "role" "gateway"). */ -}}
{{- define "starling.kafka.secret" -}}
{{- $own := get .root.Values.kafka (printf "%sConfigSecret" .role) -}}
{{- default .root.Values.kafka.configSecret $own -}}
{{- end -}}

{{- /* What every process of a role is told of Kafka, as arguments of starling-cloud. */ -}}
{{- define "starling.kafka.properties" -}}
{{- if or .root.Values.kafka.strimzi.enabled (include "starling.kafka.secret" .) -}}
/etc/starling/kafka/client.properties
{{- end -}}
{{- end -}}

{{- define "starling.kafka.mounts" -}}
{{- if .root.Values.kafka.strimzi.enabled }}
- {name: kafka, mountPath: /etc/starling/kafka, readOnly: true}
{{- else if include "starling.kafka.secret" . }}
- {name: kafka, mountPath: /etc/starling/kafka, readOnly: true}
{{- end }}
{{- end -}}

{{- define "starling.kafka.volumes" -}}
{{- $name := include "starling.fullname" .root }}
{{- if .root.Values.kafka.strimzi.enabled }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      - configMap: {name: {{ $name }}-kafka-client}
      - secret: {name: {{ $name }}-cluster-ca-cert, items: [{key: ca.crt, path: ca.crt}]}
      - secret: {name: {{ $name }}-{{ .role }}-kafka, items: [{key: user.crt, path: user.crt}, {key: user.key, path: user.key}]}
{{- else if include "starling.kafka.secret" . }}
- name: kafka
  secret: {secretName: {{ include "starling.kafka.secret" . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- /* The certificates' folder, as `starling init` names its files. */ -}}
{{- define "starling.certificates.volume" -}}
{{- if .Values.certificates.certManager.enabled -}}
- name: certificates
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .Values.certificates.existingSecret }}
          items: [{key: ca.pem, path: ca.pem}, {key: ticket.key, path: ticket.key}]
      - secret:
          name: {{ .Values.certificates.existingSecret }}
          optional: true
          items: [{key: ca.crl, path: ca.crl}]
      - secret:
          name: {{ .Values.certificates.existingSecret }}
          optional: true
          items: [{key: ticket.previous.key, path: ticket.previous.key}]
      - secret:
          name: {{ include "starling.fullname" . }}-server
          items: [{key: tls.crt, path: server.pem}, {key: tls.key, path: server.key}]
{{- else -}}
- name: certificates
  secret: {secretName: {{ .Values.certificates.existingSecret }}, defaultMode: 0440}
{{- end -}}
{{- end -}}

{{- /* --regions: a gateway takes commands from all of them, a shard stands by for all. */ -}}
{{- define "starling.regions" -}}
{{- $count := int .Values.regions.count -}}
{{- if gt $count 1 -}}0-{{ sub $count 1 }}{{- else -}}0{{- end -}}
{{- end -}}

{{- /* What cloud.json says of a gateway of so many connections: (dict "root" $ "connections" 2500).  So fast they are
       asked to come back if it goes that returnSeconds is kept; handshakes are let in at least as fast. */ -}}
{{- define "starling.config" -}}
{{- $return := divf (float64 .connections) (float64 .root.Values.gateways.returnSeconds) | ceil | max 10 -}}
{{- $gateway := dict "connections_max" (int .connections) "connections_per_address_max" (int .connections) "reconnects_per_second" $return -}}
{{- $all := mergeOverwrite (dict "gateway" $gateway) (deepCopy .root.Values.config) -}}
{{- toPrettyJson $all -}}
{{- end -}}

{{- /* A topic by its name: what cloud/topics/topic_plan.cc plans.  A test compares them. */ -}}
{{- define "starling.topics" -}}
telemetry: {retention.ms: "21600000", segment.ms: "3600000"}
history: {retention.ms: "604800000", segment.ms: "86400000"}
commands: {retention.ms: "2419200000", segment.ms: "86400000"}
heatmap: {retention.ms: "86400000", segment.ms: "21600000"}
conflicts: {retention.ms: "604800000", segment.ms: "86400000"}
dead-letter: {retention.ms: "604800000", segment.ms: "86400000"}
vehicle-state: {cleanup.policy: compact, min.compaction.lag.ms: "60000", segment.ms: "3600000"}
dispatch: {retention.ms: "3600000", segment.ms: "3600000"}
ownership: {cleanup.policy: compact, min.compaction.lag.ms: "60000", segment.ms: "86400000"}
{{- end -}}
