{{/* Objects of Istio: root, routes (path, type, service, number). No rule for the gauges' port. */}}
{{- define "myhealth.istio" -}}
{{- $root := .root -}}
{{- $full := include "myhealth.fullname" .root -}}
{{- $istio := .root.Values.exposure.istio -}}
{{- $hosts := .root.Values.exposure.hosts -}}
{{- $gateway := $istio.gateway.name | default $full -}}
{{- $domain := printf "%s.svc.cluster.local" .root.Release.Namespace -}}
{{- $metadata := dict "root" .root "component" "exposure" "name" $full -}}
{{- if $istio.gateway.create }}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  {{- include "myhealth.metadata" (merge (dict "name" $gateway) $metadata) | nindent 2 }}
spec:
  selector:
    {{- toYaml $istio.gateway.selector | nindent 4 }}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      tls: {mode: SIMPLE, credentialName: {{ $istio.gateway.credentialName }}, minProtocolVersion: TLSV1_2}
      hosts:
        {{- toYaml $hosts | nindent 8 }}
    - port: {number: 80, name: http, protocol: HTTP}
      tls: {httpsRedirect: true}
      hosts:
        {{- toYaml $hosts | nindent 8 }}
{{- end }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  {{- include "myhealth.metadata" $metadata | nindent 2 }}
spec:
  gateways: [{{ $gateway }}]
  hosts:
    {{- toYaml $hosts | nindent 4 }}
  http:
    {{- range .routes }}
    {{- $isApi := eq (int .number) 8872 }}
    {{- $host := printf "%s.%s" .service $domain }}
    - match: [{uri: { {{- ternary "exact" "prefix" (eq .type "Exact") }}: {{ .path }} }}]
      route:
        {{- if and $isApi $istio.canary.weight }}
        - destination: {host: {{ $host }}, subset: stable, port: {number: {{ .number }}}}
          weight: {{ sub 100 $istio.canary.weight }}
        - destination: {host: {{ $host }}, subset: canary, port: {number: {{ .number }}}}
          weight: {{ int $istio.canary.weight }}
        {{- else }}
        - destination: {host: {{ $host }}, port: {number: {{ .number }}}}
        {{- end }}
      {{- if $isApi }}
      retries: {attempts: 2, retryOn: "connect-failure,refused-stream,unavailable"}
      {{- end }}
    {{- end }}
{{- range .routes }}
{{- $isApi := eq (int .number) 8872 }}
{{- $component := ternary "api" (ternary "embedded" "webhook" (eq $root.Values.mode "embedded")) (and $isApi (ne $root.Values.mode "embedded")) }}
{{- if or $isApi (ne $component "embedded") }}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  {{- include "myhealth.metadata" (dict "root" $root "component" $component "name" .service) | nindent 2 }}
spec:
  host: {{ .service }}.{{ $domain }}
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: {{ int $istio.circuitBreaker.maxConnections }}}
      http: {http1MaxPendingRequests: {{ int $istio.circuitBreaker.http1MaxPendingRequests }}}
    outlierDetection:
      {{- toYaml $istio.outlierDetection | nindent 6 }}
  {{- if and $isApi $istio.canary.weight }}
  subsets:
    - {name: stable, labels: {app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}}}
    - {name: canary, labels: {version: {{ $istio.canary.version | quote }}}}
  {{- end }}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  {{- include "myhealth.metadata" (dict "root" $root "component" $component "name" .service) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "myhealth.selectorLabels" (dict "root" $root "component" $component) | nindent 6 }}
  action: ALLOW
  rules:
    - from:
        - source:
            principals:
              {{- toYaml $istio.principals | nindent 14 }}
      to:
        - operation: {ports: [{{ .number | quote }}{{ if and (eq $component "embedded") $root.Values.webhook.enabled }}, "9874"{{ end }}]}
    # Gauges and probes: the network policy says who.
    - to:
        - operation: {ports: ["9872"]}
{{- end }}
{{- end }}
{{- if $istio.strictMtls }}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  {{- include "myhealth.metadata" $metadata | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "myhealth.releaseLabels" .root | nindent 6 }}
  mtls: {mode: STRICT}
  # Prometheus scrapes from outside the mesh.
  portLevelMtls:
    9872: {mode: PERMISSIVE}
{{- end }}
{{- with $istio.requestAuthentication }}
{{- if .enabled }}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  {{- include "myhealth.metadata" $metadata | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "myhealth.selectorLabels" (dict "root" $root "component" (ternary "embedded" "api" (eq $root.Values.mode "embedded"))) | nindent 6 }}
  jwtRules:
    - issuer: {{ $root.Values.api.issuer | default "myhealth" | quote }}
      audiences: [myhealth/api]
      jwksUri: {{ .jwksUri | default (printf "http://%s-%s.%s:8872/.well-known/jwks.json" $full (ternary "embedded" "api" (eq $root.Values.mode "embedded")) $domain) | quote }}
      forwardOriginalToken: true
{{- end }}
{{- end }}
{{- with $istio.egress }}
{{- if .serviceEntry }}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  {{- include "myhealth.metadata" (dict "root" $root "component" "exposure" "name" (printf "%s-oura" $full)) | nindent 2 }}
spec:
  hosts: [api.ouraring.com, cloud.ouraring.com, moi.ouraring.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
    - {number: 443, name: tls, protocol: TLS}
{{- if .gateway }}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  {{- include "myhealth.metadata" (dict "root" $root "component" "exposure" "name" (printf "%s-egress" $full)) | nindent 2 }}
spec:
  selector: {istio: egressgateway}
  servers:
    - port: {number: 443, name: tls, protocol: TLS}
      hosts: [api.ouraring.com]
      tls: {mode: PASSTHROUGH}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  {{- include "myhealth.metadata" (dict "root" $root "component" "exposure" "name" (printf "%s-egress" $full)) | nindent 2 }}
spec:
  hosts: [api.ouraring.com]
  gateways: [mesh, {{ $full }}-egress]
  tls:
    - match: [{gateways: [mesh], port: 443, sniHosts: [api.ouraring.com]}]
      route: [{destination: {host: {{ .gateway }}, port: {number: 443}}}]
    - match: [{gateways: [{{ $full }}-egress], port: 443, sniHosts: [api.ouraring.com]}]
      route: [{destination: {host: api.ouraring.com, port: {number: 443}}}]
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
