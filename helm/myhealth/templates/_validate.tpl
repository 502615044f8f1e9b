{{/* What the schema cannot say: keys that moved, and what does not go together. Every message names the key. */}}
{{- define "myhealth.validate" -}}
{{- $values := .Values -}}
{{- range $old, $new := include "myhealth.moved" . | fromYaml -}}
{{- if hasKey $values $old -}}{{- fail (printf "%s moved to %s (UPGRADE.md)" $old $new) -}}{{- end -}}
{{- end -}}
{{- $roles := include "myhealth.roles" . | fromJsonArray -}}
{{- $syncs := and (eq .Values.mode "roles") .Values.ingest.enabled -}}
{{- $reads := or $syncs (has "webhook" $roles) (eq .Values.mode "embedded") -}}
{{- with .Values -}}
{{- if and (eq .mode "roles") (or $roles $syncs) (not .database.existingSecret) -}}
{{- fail "database.existingSecret is needed with mode: roles: a Secret whose key `url` holds postgres://USER:PASSWORD@HOST/NAME. Without PostgreSQL use mode: embedded" -}}
{{- end -}}
{{- if and $reads (not .oura.tokenKey) (not .oura.clientId) (not .oura.clientIdKey) -}}
{{- fail "oura.clientId (or oura.clientIdKey) is needed to read Oura: register an application (docs/login.md), and put its secret into the Secret of oura.existingSecret; ingest.enabled: false serves what is stored" -}}
{{- end -}}
{{- if and $reads (not .oura.existingSecret) -}}
{{- fail "oura.existingSecret is needed to read Oura: a Secret with the keys client-secret and encryption-key (`openssl rand -hex 32`)" -}}
{{- end -}}
{{- if and $reads (eq .mode "roles") (not .oura.encryptionKeyKey) -}}
{{- fail "oura.encryptionKeyKey is needed with mode: roles: log-ins in PostgreSQL are encrypted with a key of yours" -}}
{{- end -}}
{{- if and .api.enabled (or (has "api" $roles) (has "embedded" $roles)) (not (or .api.config.existingSecret .api.credentialsInDatabase .api.allowAnonymous)) -}}
{{- fail "api.config.existingSecret is needed: the API does not start without a first credential. Otherwise api.credentialsInDatabase: true, when `myhealth account add` was run before, or api.allowAnonymous: true, where something else guards it" -}}
{{- end -}}
{{- if eq .mode "embedded" -}}
{{- range $key := list "exporter" "api" "ingest" "webhook" -}}
{{- if and (eq $key "api") (ne $values.api.autoscaling.type "none") -}}
{{- fail "api.autoscaling.type must be none with mode: embedded: SQLite has one writer" -}}
{{- end -}}
{{- end -}}
{{- if gt (int .exporter.shards) 1 -}}
{{- fail "exporter.shards must be 1 with mode: embedded" -}}
{{- end -}}
{{- if ne .ingest.form "deployment" -}}
{{- fail "ingest.form must be deployment with mode: embedded: a second pod cannot write to SQLite" -}}
{{- end -}}
{{- if or .database.existingSecret .database.replica.existingSecret -}}
{{- fail "database.existingSecret is for mode: roles; with mode: embedded the database is on the volume" -}}
{{- end -}}
{{- end -}}
{{- if and .webhook.enabled (not (include "myhealth.callbackUrl" $)) -}}
{{- fail "webhook.callbackUrl or exposure.hosts is needed with webhook.enabled: it is the address that Oura calls" -}}
{{- end -}}
{{- if and .oura.clientId .oura.clientIdKey -}}
{{- fail "oura.clientId and oura.clientIdKey say the same; set one" -}}
{{- end -}}
{{- if and .webhook.enabled (not .oura.clientId) (not .oura.clientIdKey) -}}
{{- fail "oura.clientId (or oura.clientIdKey) is needed with webhook.enabled: Oura announces data of an application's people" -}}
{{- end -}}
{{- if and (ne .exposure.type "none") (not .exposure.hosts) -}}
{{- fail (printf "exposure.hosts is needed with exposure.type: %s" .exposure.type) -}}
{{- end -}}
{{- if and (eq .exposure.type "httpRoute") (not .exposure.httpRoute.parentRefs) -}}
{{- fail "exposure.httpRoute.parentRefs is needed with exposure.type: httpRoute" -}}
{{- end -}}
{{- with .exposure.istio -}}
{{- if eq $values.exposure.type "istio" -}}
{{- if and .gateway.create (not .gateway.credentialName) -}}
{{- fail "exposure.istio.gateway.credentialName is needed with exposure.istio.gateway.create" -}}
{{- end -}}
{{- if and (not .gateway.create) (not .gateway.name) -}}
{{- fail "exposure.istio.gateway.name is needed without exposure.istio.gateway.create" -}}
{{- end -}}
{{- if and .canary.weight (not .canary.version) -}}
{{- fail "exposure.istio.canary.version is needed with exposure.istio.canary.weight" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .exporter.shards) 1) (gt (int .exporter.replicas) 1) -}}
{{- fail "exporter.replicas must be 1 with exporter.shards above 1: each share has one pod" -}}
{{- end -}}
{{- with .api.autoscaling -}}
{{- if and (ne .type "none") (not (or .cpuPercent .requestsInFlight .p95Milliseconds)) -}}
{{- fail "api.autoscaling.cpuPercent, requestsInFlight or p95Milliseconds is needed with api.autoscaling.type" -}}
{{- end -}}
{{- if lt (int .maxReplicas) (int .minReplicas) -}}
{{- fail "api.autoscaling.maxReplicas is less than api.autoscaling.minReplicas" -}}
{{- end -}}
{{- end -}}
{{- if and .monitoring.serviceMonitor.enabled .monitoring.podMonitor.enabled -}}
{{- fail "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled would scrape every pod twice; choose one" -}}
{{- end -}}
{{- if .monitoring.alertmanagerConfig.enabled -}}
{{- $names := list -}}
{{- range .monitoring.alertmanagerConfig.receivers }}{{ $names = append $names .name }}{{ end -}}
{{- if not (and (has "operator" $names) (has "person" $names)) -}}
{{- fail "monitoring.alertmanagerConfig.receivers must have receivers named operator and person" -}}
{{- end -}}
{{- end -}}
{{- if .externalSecrets.enabled -}}
{{- if not (or .externalSecrets.storeRef.name .externalSecrets.provider) -}}
{{- fail "externalSecrets.storeRef.name or externalSecrets.provider is needed with externalSecrets.enabled" -}}
{{- end -}}
{{- if and .externalSecrets.storeRef.name .externalSecrets.provider -}}
{{- fail "externalSecrets.storeRef.name and externalSecrets.provider both say where Secrets come from; set one" -}}
{{- end -}}
{{- $migrations := include "myhealth.databaseSecret" (dict "root" $ "role" "migrations") | fromJson -}}
{{- range .externalSecrets.secrets -}}
{{- if and (eq $values.migrations.form "job") (eq .name $migrations.existingSecret) -}}
{{- fail (printf "migrations.form: job runs before the ExternalSecret %s exists; use migrations.form: init" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $names := list "SSL_CERT_FILE" "POD_INDEX" -}}
{{- if .oura.clientIdKey }}{{ $names = append $names "MYHEALTH_OURA_CLIENT_ID" }}{{ end -}}
{{- range .pod.extraEnv -}}
{{- if has .name $names -}}
{{- fail (printf "pod.extraEnv: %s is set twice, or set by the chart itself" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Keys of earlier versions, and of the habits of other charts, that are refused with their new name. */}}
{{- define "myhealth.moved" -}}
autoscaling: api.autoscaling
env: pod.extraEnv
extraEnv: pod.extraEnv
gateway: exposure.httpRoute
ingress: exposure.ingress
nodeSelector: pod.nodeSelector
ouraApiKey: oura.existingSecret
persistence: embedded.persistence
podAnnotations: pod.annotations
postgresql: database.existingSecret
prometheusRule: monitoring.prometheusRule
replicaCount: api.replicas
resources: api.resources, exporter.resources, ingest.resources
serviceMonitor: monitoring.serviceMonitor
tolerations: pod.tolerations
{{- end -}}
