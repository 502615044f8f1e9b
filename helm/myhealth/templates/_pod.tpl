{{/* Of every container. */}}
{{- define "myhealth.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Of every pod: root. */}}
{{- define "myhealth.podCommon" -}}
serviceAccountName: {{ include "myhealth.serviceAccountName" . }}
{{ include "myhealth.podHardening" . }}
{{- end -}}

{{- define "myhealth.podHardening" -}}
automountServiceAccountToken: false
# A Service called NAME-api would put MYHEALTH_API_PORT=tcp://… into every pod.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.pod.userId }}
  runAsUser: {{ int . }}
  runAsGroup: {{ int . }}
  fsGroup: {{ int . }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Metadata of a pod: root, component. */}}
{{- define "myhealth.podMetadata" -}}
labels:
  {{- mergeOverwrite (deepCopy .root.Values.pod.labels) (include "myhealth.labels" . | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
annotations:
  kubectl.kubernetes.io/default-container: myhealth
  {{- with .root.Values.pod.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What a container of the program has in common with the others: root. */}}
{{- define "myhealth.container" -}}
image: {{ include "myhealth.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "myhealth.containerSecurity" . | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}

{{/* Variables: root, role. */}}
{{- define "myhealth.env" -}}
{{- if .root.Values.caBundle.configMap }}
- name: SSL_CERT_FILE
  value: /etc/myhealth/ca/ca.crt
{{- end }}
{{- if and (eq .role "exporter") (gt (int .root.Values.exporter.shards) 1) }}
- name: POD_INDEX
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
{{- end }}
{{- with .root.Values.oura }}
{{- if and .existingSecret .clientIdKey (include "myhealth.reads" $) }}
- name: MYHEALTH_OURA_CLIENT_ID
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .clientIdKey | quote }}}}
{{- end }}
{{- end }}
{{- with .root.Values.pod.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A volume of one key of a Secret: name, secret, key, path. */}}
{{- define "myhealth.keyVolume" -}}
- name: {{ .name }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440, items: [{key: {{ .key | quote }}, path: {{ .path }}}]}
{{- end -}}

{{/* Which Secret has the URL for a role: root, role. */}}
{{- define "myhealth.databaseSecret" -}}
{{- $database := .root.Values.database -}}
{{- if and (eq .role "exporter") $database.exporter.existingSecret -}}
{{- $database.exporter | toJson -}}
{{- else if and (eq .role "migrations") $database.migrations.existingSecret -}}
{{- $database.migrations | toJson -}}
{{- else -}}
{{- pick $database "existingSecret" "key" | toJson -}}
{{- end -}}
{{- end -}}

{{/* Whether the pods of a role bring the schema up to date first: root, role. A role of the database that only reads cannot. */}}
{{- define "myhealth.migratesFirst" -}}
{{- $values := .root.Values -}}
{{- if and (ne $values.mode "embedded") $values.migrations.enabled (eq $values.migrations.form "init") -}}
{{- if not (and (eq .role "exporter") $values.database.exporter.existingSecret) }}migrate{{ end -}}
{{- end -}}
{{- end -}}

{{/* Volumes of a role: root, role. */}}
{{- define "myhealth.volumes" -}}
{{- $values := .root.Values -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- if ne $values.mode "embedded" }}
{{- if ne .role "migrations" }}
{{- with include "myhealth.databaseSecret" . | fromJson }}
{{ include "myhealth.keyVolume" (dict "name" "database" "secret" .existingSecret "key" .key "path" "url") }}
{{- end }}
{{- end }}
{{- if or (eq .role "migrations") (include "myhealth.migratesFirst" .) }}
{{- with include "myhealth.databaseSecret" (dict "root" .root "role" "migrations") | fromJson }}
{{ include "myhealth.keyVolume" (dict "name" "migrations" "secret" .existingSecret "key" .key "path" "url") }}
{{- end }}
{{- end }}
{{- with $values.database.ca }}{{ if .existingSecret }}
{{ include "myhealth.keyVolume" (dict "name" "database-ca" "secret" .existingSecret "key" .key "path" "ca.crt") }}
{{- end }}{{ end }}
{{- end }}
{{- if and $values.caBundle.configMap }}
- name: ca
  configMap: {name: {{ $values.caBundle.configMap }}, items: [{key: {{ $values.caBundle.key | quote }}, path: ca.crt}]}
{{- end }}
{{- if and $values.web.config.existingSecret (not (has .role (list "sync" "migrations"))) }}
- name: web
  secret: {secretName: {{ $values.web.config.existingSecret }}, defaultMode: 0440}
{{- end }}
{{- if include "myhealth.serves" . }}
{{- if $values.api.config.existingSecret }}
- name: api
  secret: {secretName: {{ $values.api.config.existingSecret }}, defaultMode: 0440}
{{- end }}
{{- with $values.api.signingKey }}{{ if .existingSecret }}
- name: signing
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .key | quote }}, path: signing-key}
      {{- if .previousKey }}
      - {key: {{ .previousKey | quote }}, path: previous-signing-key}
      {{- end }}
{{- end }}{{ end }}
{{- with $values.database.replica }}{{ if and .existingSecret (ne $values.mode "embedded") }}
{{ include "myhealth.keyVolume" (dict "name" "database-replica" "secret" .existingSecret "key" .key "path" "url") }}
{{- end }}{{ end }}
{{- end }}
{{- with $values.oura }}{{ if and .existingSecret (include "myhealth.reads" $) }}
- name: oura
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      {{- range $key, $path := dict "clientSecretKey" "client-secret" "encryptionKeyKey" "encryption-key" "previousEncryptionKeyKey" "previous-encryption-key" "tokenKey" "token" }}
      {{- with get $values.oura $key }}
      - {key: {{ . | quote }}, path: {{ $path }}}
      {{- end }}
      {{- end }}
{{- end }}{{ end }}
{{- with $values.pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Mounts of the program's container: root, role. */}}
{{- define "myhealth.mounts" -}}
{{- $values := .root.Values -}}
- {name: tmp, mountPath: /tmp}
{{- if eq $values.mode "embedded" }}
- {name: data, mountPath: /data}
{{- else }}
{{- if eq .role "migrations" }}
- {name: migrations, mountPath: /etc/myhealth/migrations, readOnly: true}
{{- else }}
- {name: database, mountPath: /etc/myhealth/database, readOnly: true}
{{- end }}
{{- if $values.database.ca.existingSecret }}
- {name: database-ca, mountPath: /etc/myhealth/database-ca, readOnly: true}
{{- end }}
{{- end }}
{{- if $values.caBundle.configMap }}
- {name: ca, mountPath: /etc/myhealth/ca, readOnly: true}
{{- end }}
{{- if and $values.web.config.existingSecret (not (has .role (list "sync" "migrations"))) }}
- {name: web, mountPath: /etc/myhealth/web, readOnly: true}
{{- end }}
{{- if include "myhealth.serves" . }}
{{- if $values.api.config.existingSecret }}
- {name: api, mountPath: /etc/myhealth/api, readOnly: true}
{{- end }}
{{- if $values.api.signingKey.existingSecret }}
- {name: signing, mountPath: /etc/myhealth/signing, readOnly: true}
{{- end }}
{{- if and $values.database.replica.existingSecret (ne $values.mode "embedded") }}
- {name: database-replica, mountPath: /etc/myhealth/database-replica, readOnly: true}
{{- end }}
{{- end }}
{{- if and $values.oura.existingSecret (include "myhealth.reads" .) }}
- {name: oura, mountPath: /etc/myhealth/oura, readOnly: true}
{{- end }}
{{- with $values.pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What makes an object part of the migrations Job: there before the release's own objects, and gone after the Job. */}}
{{- define "myhealth.migrationHooks" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
argocd.argoproj.io/hook: PreSync
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation,HookSucceeded
{{- end -}}

{{/* The init container that brings the schema up to date: root, role. */}}
{{- define "myhealth.migrateContainer" -}}
- name: migrate
  {{- include "myhealth.container" .root | nindent 2 }}
  args:
    {{- include "myhealth.migrateArgs" .root | nindent 4 }}
  {{- with include "myhealth.env" (dict "root" .root "role" "migrations") }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  resources:
    requests: {cpu: 20m, memory: 64Mi}
    limits: {memory: 256Mi}
  volumeMounts:
    {{- include "myhealth.mounts" (dict "root" .root "role" "migrations") | nindent 4 }}
{{- end -}}

{{/* The pod of a role that stays: root, role. */}}
{{- define "myhealth.rolePod" -}}
{{- $values := .root.Values -}}
{{- $scheme := upper $values.web.config.scheme -}}
metadata:
  {{- include "myhealth.podMetadata" (dict "root" .root "component" .role) | nindent 2 }}
spec:
  {{- include "myhealth.podCommon" .root | nindent 2 }}
  # The waiting of `shutdown`, 20 seconds for running work, and some to spare.
  terminationGracePeriodSeconds: {{ add $values.shutdown.delaySeconds 35 }}
  {{- if and $values.pod.topologySpread (ne .role "embedded") }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "myhealth.selectorLabels" (dict "root" $.root "component" $.role) | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- if include "myhealth.migratesFirst" . }}
  initContainers:
    {{- include "myhealth.migrateContainer" . | nindent 4 }}
  {{- end }}
  containers:
    - name: myhealth
      {{- include "myhealth.container" .root | nindent 6 }}
      args:
        {{- include "myhealth.serveArgs" . | nindent 8 }}
      {{- with include "myhealth.env" . }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      ports:
        - {name: web, containerPort: 9872}
        {{- if include "myhealth.serves" . }}
        - {name: api, containerPort: 8872}
        {{- end }}
        {{- if include "myhealth.receives" . }}
        - {name: webhook, containerPort: 9874}
        {{- end }}
      startupProbe:
        httpGet: {path: /-/healthy, port: web, scheme: {{ $scheme }}}
        periodSeconds: 2
        failureThreshold: 60
      readinessProbe:
        httpGet: {path: /-/ready, port: web, scheme: {{ $scheme }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: {path: /-/healthy, port: web, scheme: {{ $scheme }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      {{- if and (eq $values.shutdown.by "kubelet") $values.shutdown.delaySeconds }}
      lifecycle:
        preStop: {sleep: {seconds: {{ int $values.shutdown.delaySeconds }}}}
      {{- end }}
      resources:
        {{- toYaml (get $values .role).resources | nindent 8 }}
      volumeMounts:
        {{- include "myhealth.mounts" . | nindent 8 }}
  volumes:
    {{- include "myhealth.volumes" . | nindent 4 }}
    {{- if and (eq .role "embedded") $values.embedded.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim: {claimName: {{ $values.embedded.persistence.existingClaim }}}
    {{- end }}
{{- end -}}
